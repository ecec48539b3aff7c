// Uses an exported encoder and decoder from C++, with LiteRT's C interface.
//
//     lib=$(python -c "import ai_edge_litert as l; print(l.__path__[0])")
//     g++ -std=c++17 -O2 with_litert.cpp $lib/libLiteRt.so -Wl,-rpath,$lib -o with_litert
//     ./with_litert EXPORT IMAGE.ppm OUT.ppm
//
// EXPORT is the folder that `python exporter.py RUN --format litert` wrote. IMAGE is a binary PPM (colour) or PGM (grey)
// file of the size that the model takes. The library comes with the Python package ai-edge-litert (2.3), which brings no
// headers: what is needed of them is declared below. With LiteRT's own headers, include those instead.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

extern "C" {
typedef struct Environment* LiteRtEnvironment;
typedef struct Model* LiteRtModel;
typedef struct Options* LiteRtOptions;
typedef struct CompiledModel* LiteRtCompiledModel;
typedef struct Signature* LiteRtSignature;
typedef struct Buffer* LiteRtTensorBuffer;
typedef struct Requirements* LiteRtTensorBufferRequirements;

struct LiteRtLayout {
  unsigned int rank : 7;
  bool has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
};
struct LiteRtRankedTensorType {
  int element_type;  // 1: float32
  LiteRtLayout layout;
};

int LiteRtCreateEnvironment(int count, const void* options, LiteRtEnvironment*);
int LiteRtCreateOptions(LiteRtOptions*);
int LiteRtSetOptionsHardwareAccelerators(LiteRtOptions, int accelerators);  // 1: the processor
int LiteRtCreateModelFromFile(LiteRtEnvironment, const char* path, LiteRtModel*);
int LiteRtCreateCompiledModel(LiteRtEnvironment, LiteRtModel, LiteRtOptions, LiteRtCompiledModel*);
int LiteRtGetModelSignature(LiteRtModel, size_t index, LiteRtSignature*);
int LiteRtGetNumSignatureOutputs(LiteRtSignature, size_t* count);
int LiteRtGetSignatureOutputName(LiteRtSignature, size_t index, const char** name);
int LiteRtCompiledModelResizeInputTensor(LiteRtCompiledModel, size_t signature, size_t index, const int* sides, size_t rank);
int LiteRtGetCompiledModelInputTensorLayout(LiteRtCompiledModel, size_t signature, size_t index, LiteRtLayout*);
int LiteRtGetCompiledModelOutputTensorLayouts(LiteRtCompiledModel, size_t signature, size_t count, LiteRtLayout*, bool update);
int LiteRtGetCompiledModelInputBufferRequirements(LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*);
int LiteRtGetCompiledModelOutputBufferRequirements(LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*);
int LiteRtCreateManagedTensorBufferFromRequirements(LiteRtEnvironment, const LiteRtRankedTensorType*,
                                                    LiteRtTensorBufferRequirements, LiteRtTensorBuffer*);
int LiteRtLockTensorBuffer(LiteRtTensorBuffer, void** memory, int mode);  // 0: read, 1: write
int LiteRtUnlockTensorBuffer(LiteRtTensorBuffer);
int LiteRtRunCompiledModel(LiteRtCompiledModel, size_t signature, size_t inputs, LiteRtTensorBuffer*, size_t outputs,
                           LiteRtTensorBuffer*);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer);
}

// An array with its shape: [batch, …].
struct Tensor {
  std::vector<int> shape;
  std::vector<float> values;
};

void check(int status, const std::string& what) {
  if (status == 0) return;
  std::cerr << what << " failed with status " << status << "\n";
  std::exit(1);
}

size_t count(const LiteRtLayout& layout) {
  size_t product = 1;
  for (unsigned axis = 0; axis < layout.rank; ++axis) product *= layout.dimensions[axis];
  return product;
}

// One exported part: a file with one signature, one input and some outputs.
class Part {
 public:
  Part(LiteRtEnvironment environment, const std::string& path) : environment_(environment) {
    LiteRtOptions options;
    check(LiteRtCreateModelFromFile(environment, path.c_str(), &model_), path);
    check(LiteRtCreateOptions(&options), "options");
    check(LiteRtSetOptionsHardwareAccelerators(options, 1), "options");
    check(LiteRtCreateCompiledModel(environment, model_, options, &compiled_), path);
    check(LiteRtGetModelSignature(model_, 0, &signature_), path);
  }

  // The output called `name` for an input.
  Tensor operator()(const Tensor& input, const std::string& name) {
    check(LiteRtCompiledModelResizeInputTensor(compiled_, 0, 0, input.shape.data(), input.shape.size()), "the shape");
    size_t outputs = 0;
    check(LiteRtGetNumSignatureOutputs(signature_, &outputs), "outputs");
    std::vector<LiteRtLayout> layouts(outputs);
    check(LiteRtGetCompiledModelOutputTensorLayouts(compiled_, 0, outputs, layouts.data(), true), "outputs");
    LiteRtLayout layout;
    LiteRtTensorBufferRequirements needed;
    check(LiteRtGetCompiledModelInputTensorLayout(compiled_, 0, 0, &layout), "the input");
    check(LiteRtGetCompiledModelInputBufferRequirements(compiled_, 0, 0, &needed), "the input");
    LiteRtTensorBuffer in = buffer(layout, needed);
    void* memory = nullptr;
    check(LiteRtLockTensorBuffer(in, &memory, 1), "writing");
    std::memcpy(memory, input.values.data(), input.values.size() * sizeof(float));
    check(LiteRtUnlockTensorBuffer(in), "writing");
    std::vector<LiteRtTensorBuffer> out(outputs);
    for (size_t index = 0; index < outputs; ++index) {
      check(LiteRtGetCompiledModelOutputBufferRequirements(compiled_, 0, index, &needed), "an output");
      out[index] = buffer(layouts[index], needed);
    }
    check(LiteRtRunCompiledModel(compiled_, 0, 1, &in, outputs, out.data()), "the call");
    Tensor found;
    for (size_t index = 0; index < outputs; ++index) {
      const char* called = nullptr;
      check(LiteRtGetSignatureOutputName(signature_, index, &called), "an output");
      if (name == called) {
        found.shape.assign(layouts[index].dimensions, layouts[index].dimensions + layouts[index].rank);
        check(LiteRtLockTensorBuffer(out[index], &memory, 0), "reading");
        const float* values = static_cast<const float*>(memory);
        found.values.assign(values, values + count(layouts[index]));
        check(LiteRtUnlockTensorBuffer(out[index]), "reading");
      }
      LiteRtDestroyTensorBuffer(out[index]);
    }
    LiteRtDestroyTensorBuffer(in);
    check(found.values.empty(), "finding the output " + name);
    return found;
  }

 private:
  LiteRtTensorBuffer buffer(const LiteRtLayout& layout, LiteRtTensorBufferRequirements needed) {
    const LiteRtRankedTensorType type = {1, layout};
    LiteRtTensorBuffer made;
    check(LiteRtCreateManagedTensorBufferFromRequirements(environment_, &type, needed, &made), "memory");
    return made;
  }

  LiteRtEnvironment environment_;
  LiteRtModel model_;
  LiteRtCompiledModel compiled_;
  LiteRtSignature signature_;
};

Tensor read_picture(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  const int channels = kind == "P6" ? 3 : 1;
  std::vector<unsigned char> pixels(size_t(width) * height * channels);
  file.read(reinterpret_cast<char*>(pixels.data()), pixels.size());
  check(!file, "reading " + path);
  Tensor picture{{1, height, width, channels}, {}};
  for (unsigned char value : pixels) picture.values.push_back(value / 255.0f);
  return picture;
}

void write_picture(const std::string& path, const Tensor& picture) {
  std::ofstream file(path, std::ios::binary);
  file << (picture.shape[3] == 3 ? "P6" : "P5") << "\n" << picture.shape[2] << " " << picture.shape[1] << "\n255\n";
  for (float value : picture.values) file.put(char(std::lround(value * 255)));
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "with_litert EXPORT IMAGE.ppm OUT.ppm\n";
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/litert/";
  LiteRtEnvironment environment;
  check(LiteRtCreateEnvironment(0, nullptr, &environment), "the environment");
  Part encoder(environment, folder + "encoder.tflite"), decoder(environment, folder + "decoder.tflite");
  const Tensor code = encoder(read_picture(argv[2]), "code");
  std::cout << "code: float32, " << code.values.size() << " numbers\n";
  write_picture(argv[3], decoder(code, "image"));
}

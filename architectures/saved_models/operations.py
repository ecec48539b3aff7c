"""The TensorFlow operations that a network of a user's may hold: computation alone.

A list of what is allowed: TensorFlow has 1,900 operations, of which some without any mark read files (ReadFile,
ImmutableConst), write them (DebugIdentity), call Python or end the process (PyFuncStateless, Abort). Loops are left out
as well, since a damaged one never ends.
"""

_ARRAYS = """
    BatchMatrixBandPart BatchMatrixDiag BatchMatrixDiagPart BatchToSpace BatchToSpaceND Bitcast BroadcastArgs
    BroadcastTo Bucketize Concat ConcatV2 Const DepthToSpace Diag DiagPart EnsureShape ExpandDims
    ExtractImagePatches Fill Gather GatherNd GatherV2 Identity IdentityN InvertPermutation LinSpace MatrixBandPart
    MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MirrorPad OneHot OnesLike
    Pack Pad PadV2 PreventGradient Range Rank Reshape ResourceGather Reverse ReverseSequence ReverseV2 Roll
    ScatterNd Shape ShapeN Size Slice Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze
    StopGradient StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
    TensorScatterUpdate Tile Transpose Unpack Where ZerosLike
"""
_CONTROL = """
    Assert Case If Merge NoOp PartitionedCall Placeholder PlaceholderV2 PlaceholderWithDefault ReadVariableOp
    StatefulPartitionedCall StatelessCase StatelessIf Switch VarHandleOp VarIsInitializedOp Variable VariableV2
"""
_MATHEMATICS = """
    Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
    BatchMatMulV2 BatchMatMulV3 BesselI0e BesselI1e Betainc Cast Ceil CheckNumerics Cholesky ClipByValue Complex
    ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp Digamma Div DivNoNan Einsum Equal Erf Erfc
    Erfinv Exp Expm1 FFT FFT2D Floor FloorDiv FloorMod Greater GreaterEqual IFFT IFFT2D IRFFT IRFFT2D Igamma Igammac
    Imag Inv InTopKV2 IsFinite IsInf IsNan L2Loss LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot
    LogicalOr MatMul MatrixInverse Max Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual
    Polygamma Pow Prod Qr RFFT RFFT2D Real RealDiv Reciprocal RightShift Rint Round Rsqrt SegmentMax SegmentMean
    SegmentMin SegmentProd SegmentSum Select SelectV2 Sigmoid Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum
    Tan Tanh TopK TopKV2 TruncateDiv TruncateMod UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
    UnsortedSegmentSum Xdivy Xlog1py Xlogy Zeta
"""
_NETWORKS = """
    AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv3D
    DepthwiseConv2dNative Dilation2D Elu FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel FractionalAvgPool FractionalMaxPool FusedBatchNorm FusedBatchNormV2
    FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2
    MaxPoolWithArgmax QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
    Relu Relu6 Selu Softmax Softplus Softsign
"""
_IMAGES = """
    AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize HSVToRGB ImageProjectiveTransformV2
    ImageProjectiveTransformV3 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    ScaleAndTranslate
"""
_CHANCE = """
    RandomStandardNormal RandomUniform RandomUniformInt StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformV2 TruncatedNormal
"""

ALLOWED = frozenset(" ".join((_ARRAYS, _CONTROL, _MATHEMATICS, _NETWORKS, _IMAGES, _CHANCE)).split())

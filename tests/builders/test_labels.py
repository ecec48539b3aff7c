"""Labels from tables and splits from lists, as other programs write them: names, columns, encodings, and mistakes."""

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.image_data import open_data
from builders.labels import open_labelled
from builders.spec.data_types import Classes, Dataset, Image, Labels, SplitPart
from builders.spec.values import Choice
from builders.splits import divide
from common.errors import RequestError

NAMES = ("train/cat/001.png", "train/cat/002.png", "train/dog/003.png", "test/dog 004.png", "test/001.png")


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(NAMES):
        path = tmp_path / "my images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (8, 8), number * 40).save(path)
    return tmp_path


def dataset_of(folder, labels=None, **keys):
    source = Choice("folder", {"path": str(folder / "my images")})
    return Dataset(source=source, image=Image(size=8, channels=1), labels=labels, **keys)


def labelled(folder, content, **keys):
    """{name: class} of the images with a label, and the remarks; `content` is the table."""
    path = folder / "labels of mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = open_labelled(dataset_of(folder, Labels(csv=str(path), **keys)))
    numbers = source.labels().tolist()
    found = {source.name_of(index): source.class_names[number] for index, number in enumerate(numbers) if number >= 0}
    return found, [line for line in source.remarks if "labels of mine" in line]


ROWS = [("train/cat/001.png", "a"), ("train/cat/002.png", "b"), ("train/dog/003.png", "a"), ("test/dog 004.png", "c")]
EXPECTED = dict(ROWS)


@pytest.mark.parametrize(
    "content",
    [
        "file,label\n" + "".join(f"{file},{label}\n" for file, label in ROWS),
        "".join(f"{file},{label}\n" for file, label in ROWS),  # no header
        "\ufefffile;label\r\n" + "".join(f'"{file}";{label}\r\n' for file, label in ROWS),  # Excel
        ("file\tlabel\r\n" + "".join(f"{file}\t{label}\r\n" for file, label in ROWS)).encode("utf-16"),  # Excel's text
        "label,file\n" + "".join(f"{label},{file}\n" for file, label in ROWS),
        "id,breed\n" + "".join(f"{file.removesuffix('.png')},{label}\n" for file, label in ROWS),  # Kaggle's
        "path,split,class\n" + "".join(f".\\{file},x,{label}\n".replace("/", "\\") for file, label in ROWS),  # Windows
        "filename,label\n" + "".join(f"/data/all/{file},{label}\n" for file, label in ROWS),
        "".join(f"{label},{file}\n" for file, label in ROWS),  # labels first, and no header
        "x,y\n002.png,b\n003.png,a\ndog 004.png,c\ntrain/cat/001.png,a\n",  # names that are unique without folders
    ],
)
def test_tables_of_every_kind_give_the_same_labels(folder, content):
    found, remarks = labelled(folder, content)
    assert found == EXPECTED
    assert remarks == [f"'{folder}/labels of mine.csv' has no label for 1 of 5 images: 'test/001.png'"]


def test_the_lists_of_celeba(folder):
    names = [name.rpartition("/")[2] for name in NAMES[1:3]]
    attributes = "2\nSmiling Young\n" + "".join(f"{name}  {1 - 2 * at}  1\n" for at, name in enumerate(names))
    found, remarks = labelled(folder, attributes)
    assert found == {NAMES[1]: "1", NAMES[2]: "-1"}
    assert remarks[0].startswith("labels are column 'Smiling' of 3 in ") and "dataset.labels.column" in remarks[0]
    assert labelled(folder, attributes, column="Young")[0] == {NAMES[1]: "1", NAMES[2]: "1"}
    table = "image_id,Smiling,Young\n" + "".join(f"{name},1,{at}\n" for at, name in enumerate(names))
    assert labelled(folder, table, column="Young", file_column="image_id")[0] == {NAMES[1]: "0", NAMES[2]: "1"}
    identities = "".join(f"{name} {7 + at}\n" for at, name in enumerate(names))
    assert labelled(folder, identities)[0] == {NAMES[1]: "7", NAMES[2]: "8"}


def test_labels_of_a_table_replace_those_of_folders_and_count_everywhere(folder):
    (folder / "l.csv").write_text(
        "file,label\n001.png,x\n" + "".join(f"{name},{'pq'[at % 2]}\n" for at, name in enumerate(sorted(NAMES)))
    )
    dataset = dataset_of(folder, Labels(csv=str(folder / "l.csv")), classes=Classes(names=("p",)))
    source = open_labelled(dataset)
    assert source.class_names == ("p", "q") and source.labels().tolist() == [0, 1, 0, 1, 0]
    division = divide(source, Dataset(**{**vars(dataset), "split": {"train": SplitPart("rest", per_class=2)}}), 1)
    assert set(division.indices["train"]) <= {0, 2, 4} and len(division.indices["train"]) == 2
    other = dataset_of(folder)
    assert source.fingerprint() != open_labelled(other).fingerprint()
    assert any("names 1 file that no image has: '001.png'" in line for line in source.remarks)


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("", {}, r"dataset\.labels\.csv: '.*labels of mine\.csv' holds no rows"),
        ("file,label\n", {}, "no row of|holds no rows"),
        ("a.png\n", {}, "has one column"),
        ("file,label\nzz.png,1\nyy.png,2\n", {}, r"csv: no row of '.*' has the name of an image: rows are 'zz\.png'"),
        ("file,label\n002.png,1\n002.png,2\n", {}, "two labels for '002.png', '1' and '2'; keep one"),
        ("file,label\n002.png\n", {}, "row 2 of '.*' has 1 cells, expected at least 2"),
        ("file,label\n002.png,1\n", {"column": "lable"}, r"labels\.column: .*no column 'lable'; did you mean 'label'"),
        ("file,label\n002.png,1\n", {"file_column": "q"}, r"labels\.file_column: .*no column 'q'; it has file, label"),
        ("file,label\n002.png,\n003.png,9999999\n", {}, "expected class numbers below"),
        (b"\x89PNG\0\0\0", {}, "is no text"),
        ('file,label\n"002.png' + "x" * 100_000 + '",1\n', {}, "is no table"),
    ],
)
def test_each_mistake_in_a_table_is_a_line(folder, content, keys, message):
    with pytest.raises(RequestError, match=message) as caught:
        labelled(folder, content, **keys)
    assert "\n" not in str(caught.value)


def test_missing_and_odd_files_of_tables_and_lists_are_lines(folder):
    for path, message in (("gone.csv", "no such file: 'gone.csv'; paths are relative"), (str(folder), "cannot read")):
        with pytest.raises(RequestError, match=message):
            open_labelled(dataset_of(folder, Labels(csv=path)))
        with pytest.raises(RequestError, match=rf"dataset\.split\.train\.list: {message}"):
            split(folder, train=SplitPart(list_file=path))
    no_files = Dataset(source=Choice("photos", {}), labels=Labels(csv=str(folder / "l.csv")))
    (folder / "l.csv").write_text("file,label\na.png,1\n")
    with pytest.raises(RequestError, match="has the name of an image"):
        open_labelled(no_files)


def split(folder, **parts):
    dataset = dataset_of(folder, split=parts)
    source = open_labelled(dataset)
    division = divide(source, dataset, 3)
    return {name: [NAMES_SORTED[i] for i in found.tolist()] for name, found in division.indices.items()}, division


NAMES_SORTED = tuple(sorted(NAMES))


def listed(folder, name, content):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return SplitPart(list_file=str(folder / name))


@pytest.mark.parametrize(
    "content",
    [
        "train/cat/001.png\ntest/dog 004.png\n",
        "\ufefftrain\\cat\\001.png\r\n\r\ntest\\dog 004.png\r\n",
        "cat/001\ndog 004\n",
        "train/cat/001.png 0\ntest/dog 004.png\n",
        "cat/001 1 7\n/home/me/test/dog 004.png",
        "train/cat/001.png,cat\ndog 004.png\n",
    ],
)
def test_lists_of_every_kind_name_the_same_images(folder, content):
    found, division = split(folder, train=listed(folder, "train.txt", content))
    assert found == {"train": ["test/dog 004.png", "train/cat/001.png"]} and not division.remarks


def test_lists_go_with_amounts_and_with_what_is_left(folder):
    every = "\n".join(NAMES)
    test = listed(folder, "test.txt", "dog 004.png\ntest/001.png\nnot there.png\n")
    found, division = split(folder, train=SplitPart("rest"), test=test)
    assert found == {"train": sorted(NAMES[:3]), "test": sorted(NAMES[3:])}
    assert any(
        "test.list: '" in line and "names 1 of 3 files that no image has: 'not" in line for line in division.remarks
    )
    # The amount of another split does not take what a list names.
    found, _ = split(folder, train=SplitPart(3), test=test)
    assert sorted(found["test"]) == sorted(NAMES[3:])
    path = str(folder / "all.txt")
    (folder / "all.txt").write_text(every)
    parts = {"train": SplitPart(0.6, list_file=path), "validation": SplitPart(0.4, list_file=path)}
    found, _ = split(folder, **parts)
    assert len(found["train"]) == 3 and len(found["validation"]) == 2
    assert not set(found["train"]) & set(found["validation"])
    found, _ = split(folder, train=parts["train"], validation=SplitPart(list_file=path))
    assert len(found["train"]) == 3 and len(found["validation"]) == 2


def test_a_name_in_two_lists_is_an_error(folder):
    train, test = listed(folder, "a.txt", "\n".join(NAMES)), listed(folder, "b.txt", "002.png\n003.png\n")
    with pytest.raises(
        RequestError, match=r"split\.test\.list: 2 images are also in the list of train: 'train/cat/002"
    ):
        split(folder, train=train, test=test)
    with pytest.raises(RequestError, match=r"split\.train\.list: no row of .* has the name of an image"):
        split(folder, train=listed(folder, "c.txt", "q.png\nr.png\n"))


def test_damaged_tables_and_lists_end_in_lines(folder):
    from tests.architectures.weights.mutants import mutant

    data = ("file,label\n" + "".join(f"{file},{label}\n" for file, label in ROWS)).encode()
    lines = 0
    for seed in range(300):
        try:
            labelled(folder, mutant(data, seed))
            split(folder, train=listed(folder, "x.txt", mutant(data, seed)))
        except RequestError as error:
            lines += 1
            assert "\n" not in str(error) and str(error).startswith("dataset.")
    assert lines > 10


def test_balance_and_remarks_reach_the_images(folder, monkeypatch):
    (folder / "l.csv").write_text("".join(f"{name},{at % 2}\n" for at, name in enumerate(NAMES)))

    class Spec:
        dataset = dataset_of(
            folder, Labels(csv=str(folder / "l.csv")), balance=True, split={"train": SplitPart("rest")}
        )
        seed = 0

        class encoder:
            embeddings = None

    data = open_data(Spec, None, 1e9, 1)
    assert data.source.class_names == ("0", "1")
    assert np.bincount(data.source.labels()).tolist() == [3, 2]

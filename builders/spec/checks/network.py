"""Checks of encoder, code, decoder, latents and discriminator: options, taps, weights, names, adversarial training."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from builders.spec.annotations import record_of
from builders.spec.checks.view import View, size_of
from builders.spec.nodes import Node, Path
from builders.spec.problems import Problem, listed, problem_at, shown, suggestion
from builders.spec.types import Decoder, Discriminator, Encoder
from builders.spec.values import Duration
from common.hub import HubError, is_address, parse_address, suggested_address
from common.program import typed

WEIGHT_FILES = (".h5", ".hdf5", ".safetensors", ".pth", ".pt")
_MOST_TAPS = 50
_WORDS_FOR_WEIGHTS = ("pretrained", "imagenet", "none")
_NO_WEIGHTS = (".py", ".pkl", ".pickle", ".joblib", ".keras", ".yaml", ".yml", ".json", ".csv", ".png", ".jpg")
_LATENTS: Path = ("encoder", "latents")
_EMBEDDINGS: Path = ("encoder", "embeddings")
# Suffixes of files with embeddings: those of arrays, and those of tables.
ARRAY_FILES, TABLE_FILES = (".npy", ".npz"), (".parquet", ".pq", ".csv", ".tsv")
_REGULARIZERS = ("l2",)
_OF_A_BACKBONE = ("weights", "preprocessing", "taps", "fuse")


def network_checks(view: View) -> Iterator[Problem]:
    """Problems of the parts of the network."""
    for part, cls, required in (
        ("encoder", Encoder, True),
        ("decoder", Decoder, True),
        ("discriminator", Discriminator, False),
    ):
        if view.is_given(part) or (required and view.node(part) is not None):
            yield from _one_option(view, part, cls)
    for path in (("encoder",), ("discriminator",), *(path for path, *_ in view.measures())):
        if view.is_given(*path, "backbone"):
            yield from _features(view, path)
    for part in ("encoder", "code", "decoder", "discriminator"):
        yield from _layer_names(view, part)
        yield from _batch_axes(view, part)
    yield from _initial_weights(view)


def _one_option(view: View, part: str, cls: type) -> Iterator[Problem]:
    options = record_of(cls).options
    keys = [option.key for option in options]
    taken = [option for option in options if view.is_given(part, option.key)]
    wrong = any((part, key) in view.faulty for key in keys)
    if len(taken) > 1:
        names = " and ".join(f"'{option.key}'" for option in taken)
        yield view.problem((part, taken[1].key), f"{part} has {names}; keep exactly one of {listed(keys)}")
    elif not taken and not wrong:
        yield view.problem((part,), f"needs exactly one of {listed(keys)}")
    elif taken:
        for option in options:
            for companion in option.companions:
                if option not in taken and companion not in taken[0].members and view.is_given(part, companion):
                    message = f"goes with '{option.key}', and {part} has '{taken[0].key}'; remove it"
                    yield view.problem((part, companion), message)


def _features(view: View, path: Path) -> Iterator[Problem]:
    name, entry = view.choice(*path, "backbone", kind="backbone") or ("", None)
    if entry is None:
        return
    taps = view.node(*path, "taps")
    # Taps of a loss or metric are an argument, and reported with the other missing arguments.
    counted = taps is None and path[0] in ("loss", "metrics")
    if not counted and not view.is_given(*path, "taps") and (*path, "taps") not in view.faulty:
        known = entry.facts.get("taps")
        example = f", such as taps: [{known[len(known) // 2]}]" if known else ""
        yield view.problem((*path, "backbone"), f"missing 'taps': the layers of {name} to read{example}")
    elif taps is not None and entry.facts.get("taps"):
        yield from _taps(view, (*path, "taps"), name, entry.facts["taps"], taps)
    last = view.get(*path, "fuse", "last", kind=int)
    if taps is not None and taps.value and last is not None and last > len(taps.value):
        message = f"fuses the last {last} taps, and there are {len(taps.value)}; give at most {len(taps.value)}"
        yield view.problem((*path, "fuse", "last"), message, value=True)
    if path[0] in ("loss", "discriminator") and entry.facts.get("differentiable") is False:
        message = (
            f"{name} gives no gradients, and {'a loss' if path[0] == 'loss' else 'a discriminator'} needs them; "
            "convert the network to a .keras file or a SavedModel"
        )
        yield view.problem((*path, "backbone"), message)
    yield from _weights(view, path, name)
    yield from _size(view, path, name, entry.facts.get("minimum_size"))


def _taps(view: View, path: Path, name: str, known: list[str], taps: Node) -> Iterator[Problem]:
    if taps.is_mapping:
        words = [(tap, taps.key_place(tap)) for tap in taps.value]
    else:
        words = [(tap.value, tap.place) for tap in taps.value or () if isinstance(tap.value, str)]
    seen = set()
    for tap, place in words[:_MOST_TAPS]:
        if tap not in known:
            hint = suggestion(tap, known)
            message = f"unknown tap {shown(tap)} of {name}{hint}; `{typed('taps', name)}` lists all"
            yield problem_at(place, (*path, tap), message.replace("?; `", "? `"))
        if tap in seen:
            yield problem_at(place, (*path, tap), f"tap {shown(tap)} stands here twice; remove one")
        seen.add(tap)


def _weights(view: View, path: Path, backbone: str) -> Iterator[Problem]:
    weights = view.get(*path, "weights", kind=str)
    if weights is None or weights in _WORDS_FOR_WEIGHTS:
        return
    where = (*path, "weights")
    packages = {name: view.facts("weights", name).get("backbone") for name in view.catalogue.names("weights")}
    fitting = [name for name, owner in packages.items() if owner == backbone]
    if weights in packages:
        if weights not in fitting:
            choices = listed([*_WORDS_FOR_WEIGHTS, *fitting])
            message = f"weights '{weights}' are for {packages[weights]}, not for {backbone}; give {choices}"
            yield view.problem(where, message, value=True)
        return
    if "://" in weights:
        problem = wrong_address(weights, WEIGHT_FILES)
        if problem is not None:
            yield view.problem(where, problem, value=True)
    elif not weights.lower().endswith(WEIGHT_FILES):
        words = [*_WORDS_FOR_WEIGHTS, *fitting]
        hint = suggestion(weights, words) or f"; give {listed(words)}, or a file ending in {listed(WEIGHT_FILES)}"
        yield view.problem(where, f"unknown weights {shown(weights)}{hint}", value=True)


def _size(view: View, path: Path, backbone: str, minimum: int | None) -> Iterator[Problem]:
    sides, where = view.sides(*path, "input_size") or view.image_size() or ([], path)
    if minimum is None or not sides or min(sides) >= minimum:
        return
    if where[:2] == ("dataset", "source"):
        where = (*path, "backbone")
    message = (
        f"{backbone} needs images of at least {minimum}×{minimum} pixels, got {size_of(sides)}; "
        f"enlarge dataset.image.size, or set {'.'.join(map(str, path))}.input_size"
    )
    yield view.problem(where, message, value=where[-1] != "backbone")


def _layer_names(view: View, part: str) -> Iterator[Problem]:
    """Explicit names must be unique in a part, and the outputs' names besides `image`."""
    seen: dict[str, Path] = {}
    repeated: Path | None = None
    for path, layer, arguments in view.stack(part, "layers"):
        if layer == "Repeat":
            repeated = path
        node = arguments.get("name")
        if node is None or not isinstance(node.value, str):
            continue
        where = (*path, "name")
        if layer == "Output" and node.value == "image":
            yield view.problem(where, "'image' is the end of the stack; call this output something else", value=True)
        elif node.value in seen:
            yield view.problem(where, f"the name '{node.value}' is taken by another layer of {part}", value=True)
        elif repeated is not None and path[: len(repeated)] == repeated:
            yield view.problem(
                where, "a layer inside 'Repeat' is made several times and can't have one name; remove it"
            )
        seen[node.value] = where


def _batch_axes(view: View, part: str) -> Iterator[Problem]:
    """Layers that would mix images: axis 0 is the batch."""
    for path, layer, _ in view.stack(part, "layers"):
        axes = view.get(*path, "axis", kind=int | list)
        if axes == 0 or (isinstance(axes, list) and 0 in axes):
            message = "axis 0 is the batch: what this layer gives for an image would depend on the others; use -1"
            yield view.problem((*path, "axis"), message, value=True)
        noise = view.get(*path, "noise_shape", kind=list)
        if noise and noise[0] not in (None, 1):
            message = f"the first axis is the batch, whose size varies: write null, got {shown(noise[0])}"
            yield view.problem((*path, "noise_shape"), message, value=True)
        if view.get(*path, "stateful", kind=bool):
            message = (
                f"a {layer} that keeps its state would mix the images of one batch with those of the next; remove it"
            )
            yield view.problem((*path, "stateful"), message, value=True)


def wrong_address(text: str, endings: Sequence[str]) -> str | None:
    """What is wrong with the address of a file; None where it is one of the Hub, which nothing is asked here.

    Args:
        text: What a spec has in place of a path.
        endings: Of the files that are read, with their dots.
    """
    if not is_address(text):
        near = suggested_address(text)
        return f"expected a file or hf://owner/name/file, got the address {shown(text)}; " + (
            f"write {near}" if near else "download it first"
        )
    try:
        path = parse_address(text).path
    except HubError as error:
        return str(error)
    if not path.lower().endswith(tuple(endings)):
        return f"expected a file ending in {listed(endings)}, got {shown(text)}"
    return None


def _initial_weights(view: View) -> Iterator[Problem]:
    weights = view.get("training", "initial_weights", kind=str)
    if weights is None:
        return
    if "://" in weights:
        problem = wrong_address(weights, WEIGHT_FILES)
        if problem is not None:
            yield view.problem(("training", "initial_weights"), problem, value=True)
    elif PurePath(weights).suffix.lower() in _NO_WEIGHTS or not weights.strip():
        message = f"expected a run's folder, or a weights file ending in {listed(WEIGHT_FILES)}, got {shown(weights)}"
        yield view.problem(("training", "initial_weights"), message, value=True)


def latent_checks(view: View) -> Iterator[Problem]:
    """Problems of the latents."""
    if not view.is_given(*_LATENTS):
        if view.is_given("logging", "latent_space"):
            message = "draws learned latents, and this encoder has none; remove it, or use encoder.latents"
            yield view.problem(("logging", "latent_space"), message)
        return
    chosen = view.choice(*_LATENTS, "held_out", "optimizer", kind="optimizer")
    if chosen is not None and chosen[0] != "RowwiseAdam":
        # The whole search is one compiled loop, which calls the equations of this one optimizer.
        message = f"latents of new images are found by RowwiseAdam, got {chosen[0]}; write RowwiseAdam and its rate"
        yield view.problem((*_LATENTS, "held_out", "optimizer"), message)
    rate = view.get(*_LATENTS, "held_out", "optimizer", "RowwiseAdam", "learning_rate", kind=dict) or {}
    lengths = [value for schedule in rate.values() if isinstance(schedule, dict) for value in schedule.values()]
    if any(isinstance(length, str) and "epoch" in length for length in lengths):
        message = "a search has steps and no epochs; give the schedule's lengths in steps"
        yield view.problem((*_LATENTS, "held_out", "optimizer", "RowwiseAdam", "learning_rate"), message)
    for name in view.keys(*_LATENTS, "regularizer"):
        path = (*_LATENTS, "regularizer", name)
        if name not in _REGULARIZERS:
            hint = suggestion(name, _REGULARIZERS) or "; there is l2"
            yield view.problem(path, f"unknown regularizer {shown(name)}{hint}")
        elif (view.get(*path, kind=int | float) or 0) < 0:
            yield view.problem(path, "a negative penalty drives latents apart without end; give 0 or more", value=True)
        elif view.get(*_LATENTS, "constraint") == "sphere":
            yield view.problem(path, "on the sphere every latent has length 1, so l2 changes nothing; remove one")
    if view.get("training", "precision") == "mixed_float16":
        message = "mixed_float16 scales the loss for one optimizer, and latents have one of their own; use float32"
        yield view.problem(("training", "precision"), message, value=True)


def embedding_checks(view: View) -> Iterator[Problem]:
    """Problems of stored embeddings."""
    if not view.is_given(*_EMBEDDINGS):
        return
    if view.is_given("dataset", "augment"):
        message = "changes images in every epoch, and stored embeddings belong to unchanged images; remove it"
        yield view.problem(("dataset", "augment"), message)
    path = view.get(*_EMBEDDINGS, "path", kind=str)
    if path is None:
        return
    suffix = PurePath(path).suffix.lower()
    if "://" in path:
        message = f"expected a file, got the address {shown(path)}; download it first"
        yield view.problem((*_EMBEDDINGS, "path"), message, value=True)
    elif suffix not in (*ARRAY_FILES, *TABLE_FILES):
        message = f"expected a file that ends in {listed([*ARRAY_FILES, *TABLE_FILES])}, got {shown(path)}"
        yield view.problem((*_EMBEDDINGS, "path"), message, value=True)
    elif suffix == ".npy":
        if view.is_given(*_EMBEDDINGS, "key"):
            message = "a .npy file holds one array, which has no name; remove it"
            yield view.problem((*_EMBEDDINGS, "key"), message)
        if view.get(*_EMBEDDINGS, "match") == "name":
            message = "a .npy file holds no names; use order, or a .npz, .parquet or .csv file"
            yield view.problem((*_EMBEDDINGS, "match"), message, value=True)


def adversary_checks(view: View) -> Iterator[Problem]:
    """Problems of adversarial training."""
    if not view.is_given("discriminator"):
        return
    yield from _network(view)
    adversarial = [
        str(path[1])
        for path, kind, name in view.measures()
        if kind == "loss" and "discriminator" in view.facts(kind, name).get("needs", ())
    ]
    for name in adversarial[1:]:
        message = f"the discriminator already judges for loss.{adversarial[0]}; remove one of the two"
        yield view.problem(("loss", name), message)
    for name in adversarial[:1]:
        yield from _term(view, name)


def _network(view: View) -> Iterator[Problem]:
    has_backbone = view.is_given("discriminator", "backbone")
    for key in _OF_A_BACKBONE:
        # A resolved spec, which can be read again, contains the default of `weights`.
        if not has_backbone and view.is_given("discriminator", key) and view.get("discriminator", key) != "pretrained":
            yield view.problem(("discriminator", key), "goes with 'backbone', which the discriminator lacks; remove it")
    name, entry = view.choice("discriminator", "architecture", kind="discriminator") or ("", None)
    if entry is None:
        return
    path = ("discriminator", "architecture", name)
    if entry.facts.get("reads") == "taps":
        if not has_backbone:
            message = "stands on the taps of a network; add discriminator.backbone and taps, or use patch"
            yield view.problem(path, message)
        if view.is_given("discriminator", "fuse"):
            yield view.problem(("discriminator", "fuse"), f"'{name}' has a head on each tap and fuses none; remove it")
    elif has_backbone:
        yield view.problem(path, "looks at images and at no taps; remove discriminator.backbone, or use tap_heads")


def _term(view: View, name: str) -> Iterator[Problem]:
    begins, trains = view.duration("loss", name, "start"), view.duration("discriminator", "start")
    if begins is not None and trains is not None and _before(begins, trains):
        message = f"the discriminator begins to train after {trains}, and until then it knows nothing; begin no earlier"
        yield view.problem(("loss", name, "start"), message, value=view.is_given("loss", name, "start"))
    if view.get("loss", name, "adaptive", kind=bool):
        output = view.get("loss", name, "output", kind=str)
        others = [view.get("loss", other, "output", kind=str) for other in view.keys("loss") if other != name]
        if None not in (output, *others) and output not in others:
            message = (
                f"an adaptive weight is measured against other terms, and '{output}' has none; add one, such as l1"
            )
            yield view.problem(("loss", name, "adaptive"), message)


def _before(first: Duration, second: Duration) -> bool:
    """Whether one moment is certainly before another: only the data give the number of steps in an epoch."""
    if first.value == 0:
        return second.value > 0
    return first.unit == second.unit and first.value < second.value

"""What TensorBoard's HParams page shows of a trial's run. Written by TensorBoard's own records, without TensorFlow."""

import socket
import time
from collections.abc import Mapping
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from common.files import atomic_file
from run_directory.run import Run
from workflows.sweep.space import value_text

OBJECTIVE_TAG = "sweep/objective"


def write_hparams(
    run: Run, group: str, values: Mapping[str, Any], objective: float | None, start: float, succeeded: bool
) -> None:
    """Adds the values of a trial to the event files of one of its runs; nothing happens where they are there already.

    No experiment is described: TensorBoard would read one such record of all runs that it shows, and from it leave out
    the values of every other sweep. Without one it collects values and metrics from the runs.

    Args:
        run: A run of the trial.
        group: What the runs of a trial share, such as `digits trial 3`.
        values: Path → value.
        objective: The trial's objective, where it has one.
        start: When the trial began, in seconds since 1970.
        succeeded: Whether it ended as planned.
    """
    if any(run.tensorboard_dir.glob("*.hparams")):
        return
    info = SessionStartInfo(group_name=group, start_time_secs=start)
    for path, value in values.items():
        if isinstance(value, bool):
            info.hparams[path].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[path].number_value = value
        else:
            info.hparams[path].string_value = value_text(value, most=200)
    status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
    end = SessionEndInfo(status=status, end_time_secs=time.time())
    summaries = [
        _plugin_summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info)),
        _plugin_summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]
    if objective is not None:
        summaries.append(Summary(value=[Summary.Value(tag=OBJECTIVE_TAG, simple_value=objective)]))
    # TensorBoard reads the files of a run in the order of their names: this one after those of the training.
    name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.hparams"
    with atomic_file(run.tensorboard_dir / name) as temporary, temporary.open("wb") as file:
        writer = RecordWriter(file)
        events = [Event(file_version="brain.Event:2"), *(Event(summary=summary) for summary in summaries)]
        for event in events:
            event.wall_time = time.time()
            writer.write(event.SerializeToString())


def _plugin_summary(tag: str, data: HParamsPluginData) -> Summary:
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])

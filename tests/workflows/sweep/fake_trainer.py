"""Stands in for `cli.py train RUN` and its seconds of TensorFlow: writes what a training of a run would write.

The objective of an epoch is |log10(learning rate) + 2| / epoch, and with a rate above 1 the first epoch is followed by
nothing until the training is stopped. Batch size 13 diverges after one epoch, 17 cannot be trained. `FAKE_SECONDS` is
an epoch's length.
"""

import math
import os
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from run_directory.run import Run

run = Run.open(sys.argv[1])
spec = run.resolved_spec()
epochs, batch_size = spec["training"]["epochs"], spec["dataset"]["batch_size"]
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))


def stop_if_asked() -> None:
    if stopped:
        run.update_state(status="interrupted", message="stopped")
        sys.exit(130)


if batch_size == 17:
    sys.exit("dataset: cannot be trained")
with (run.path / "sessions.txt").open("a") as file:
    file.write(f"{os.getpid()}\n")
with run.lock():
    run.write_environment({"seed": spec["seed"]})
    run.update_state(status="training", epochs=epochs, pid=os.getpid(), host=socket.gethostname())
    for epoch in range(run.state().epoch + 1, epochs + 1):
        until = time.monotonic() + float(os.environ.get("FAKE_SECONDS", "0"))
        while time.monotonic() < until and not stopped:
            time.sleep(0.01)
        stop_if_asked()
        rate = spec["training"]["optimizer"]["Adam"]["learning_rate"]
        loss = abs(math.log10(rate) + 2) / epoch
        run.append_history({"epoch": epoch, "step": 4 * epoch, "loss": loss, "val_loss": loss, "val_psnr": -loss})
        run.update_state(epoch=epoch, step=4 * epoch)
        if batch_size == 13:
            run.update_state(status="failed", message="the loss is not finite at step 4")
            sys.exit(1)
        while rate > 1 and not stopped:
            time.sleep(0.01)
    stop_if_asked()
    run.update_state(status="finished")

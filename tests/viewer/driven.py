"""The viewer as a process that a test drives: an ordinary window, whose state can be asked for line by line.

    python -m tests.viewer.driven RUNS_DIR

Each line of standard input is a Python expression over `app`, `dpg` and `rect`; its value is printed as JSON.
"""

import json
import os
import queue
import sys
import threading
import time


def main() -> None:
    began = time.perf_counter()
    import dearpygui.dearpygui as dpg

    from viewer.core import input as pace
    from viewer.core.application import App
    from viewer.core.items import rect
    from viewer.core.settings import load_settings

    app = App(sys.argv[1], None, load_settings())
    app.frame()
    first = time.perf_counter() - began
    lines: queue.SimpleQueue = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
            app.pace.wake.set()
        lines.put(None)
        app.pace.wake.set()

    def shoot(path):
        dpg.output_frame_buffer(path)
        for _ in range(2):
            dpg.render_dearpygui_frame()

    pace._SOONEST = 0.0  # a person's hands are waited for, but not the rest of a sixtieth of a second
    names = {"app": app, "dpg": dpg, "rect": rect, "shoot": shoot, "first": first, "sys": sys, "time": time}
    threading.Thread(target=listen, daemon=True).start()
    while dpg.is_dearpygui_running():
        app.frame()
        # One after each frame, so that a test that asks twice knows that a frame was drawn in between.
        line = "" if lines.empty() else lines.get()
        if line is None:
            dpg.stop_dearpygui()
        elif line:
            try:
                answer = {"value": eval(line, names)}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer, default=str), flush=True)
        app.pace.wait()
    app.close()


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main()

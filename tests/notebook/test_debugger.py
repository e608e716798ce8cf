"""A breakpoint in a stream's cell, set as JupyterLab's debugger sets it, stops on the chosen record."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

CELL = """%%stream divided --from {topic}
late = df.dep_delay > 15
df.assign(late=late)"""
SECONDS = 60


@pytest.fixture
def kernel(tmp_path: Path, flights_topic: str) -> Iterator[BlockingKernelClient]:  # the topic names the cluster
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


class Debugger:
    """Speaks the debug adapter protocol over the control channel, as JupyterLab does."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        self._numbers = itertools.count(1)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer's body."""
        content = {"type": "request", "seq": next(self._numbers), "command": command, "arguments": arguments}
        message = self._client.session.msg("debug_request", content)
        self._client.control_channel.send(message)
        while True:
            answer = self._client.get_control_msg(timeout=SECONDS)
            if answer["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert answer["content"].get("success", True), answer["content"]
                return dict(answer["content"].get("body") or {})

    def stopped(self) -> dict[str, Any]:
        """Wait until the kernel stands at a breakpoint; return where and why."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            message = self._client.get_iopub_msg(timeout=SECONDS)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == "stopped":
                return dict(message["content"]["body"])
        pytest.fail("the kernel did not stop")


def test_a_breakpoint_stops_on_the_chosen_record(kernel: BlockingKernelClient, flights_topic: str) -> None:
    cell = CELL.format(topic=flights_topic)
    place = "from headrace.notebook import streams\nplace = streams['divided'].preview.rows[7]"
    for text in ("%load_ext headrace", cell, place):
        reply = kernel.execute_interactive(text, timeout=SECONDS, output_hook=str)  # shows nothing
        assert reply["content"]["status"] == "ok", reply["content"]
    debugger = Debugger(kernel)
    debugger.ask("initialize", clientID="test", adapterID="", linesStartAt1=True, columnsStartAt1=True)
    debugger.ask("attach")
    source = {"path": debugger.ask("dumpCell", code=cell)["sourcePath"]}
    found = debugger.ask("setBreakpoints", source=source, breakpoints=[{"line": 3}], sourceModified=False)
    assert [each["verified"] for each in found["breakpoints"]] == [True]
    debugger.ask("configurationDone")
    kernel.execute("get_ipython().run_line_magic('run_on', f'divided {place.partition}:{place.offset}')")
    event = debugger.stopped()
    assert event["reason"] == "breakpoint"
    frames = debugger.ask("stackTrace", threadId=event["threadId"])["stackFrames"]
    assert (frames[0]["line"], frames[0]["source"]["path"]) == (3, source["path"])
    seen = debugger.ask("evaluate", expression="(len(df), int(df.id.iloc[0]))", frameId=frames[0]["id"], context="repl")
    row, number = seen["result"].strip("()").split(", ")
    wanted = debugger.ask("evaluate", expression="place.before[0]", frameId=frames[0]["id"], context="repl")
    assert (row, number) == ("1", wanted["result"])
    debugger.ask("continue", threadId=event["threadId"])
    debugger.ask("disconnect", restart=False, terminateDebuggee=False)

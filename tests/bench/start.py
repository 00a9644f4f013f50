#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""start.py WEIR FOLDER CALLS: how long WEIR takes until it serves, with the ledger of so many calls
in FOLDER/data. Fails above 5 s (rule X-7), and when it then doesn't know of each call."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import Client, clean_environment, eventually, free_port  # noqa: E402

SECONDS_MAX = 5.0


def is_serving(port: int) -> bool:
    try:
        with Client(port) as client:
            return client.request("GET", "/readyz").status == 200
    except OSError:
        return False


def main() -> int:
    program, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    calls = int(sys.argv[3])
    port, admin_port = free_port(), free_port()
    config = {
        "listen": f"127.0.0.1:{port}", "admin": {"listen": f"127.0.0.1:{admin_port}"},
        "data_dir": str(folder / "data"), "providers": {"mock": {"type": "mock"}},
        "budget": {"total": "1000000"},
    }  # fmt: skip
    (folder / "weir.yaml").write_text(json.dumps(config))
    begin = time.monotonic()
    weir = subprocess.Popen(
        [program, "serve", "--config", str(folder / "weir.yaml")], cwd=folder,
        env=clean_environment(folder), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: is_serving(port), 120.0)
        seconds = time.monotonic() - begin
        with Client(admin_port) as client:
            token = (folder / "data" / "admin-token").read_text().strip()
            headers = {"authorization": "Bearer " + token}
            month = "since=2026-11-01T00:00:00Z&until=2026-12-02T00:00:00Z"  # when they ended
            answer = client.request("GET", f"/api/usage?by=all&{month}", None, headers)
            known = answer.json["total"]["requests"]
        print(f"serving after {seconds:.2f} s; {known} of {calls} requests in the sums")
    finally:
        weir.terminate()
        weir.wait(60)
    return 0 if seconds <= SECONDS_MAX and known == calls else 1


if __name__ == "__main__":
    sys.exit(main())

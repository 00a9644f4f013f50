#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no compiler knows: who may include whom, which calls are banned where,
what every file starts with, which names of places must not be written down.

usage: check.py              all tracked and new files; prints path:line: message, fails on any
       check.py --self-test  shows for every rule that it can fail, and that it lets good code pass

A rule is one function from a file to findings, with examples beside it. An exception is part of the
rule, with its reason; there is no way to switch a rule off from within a file.
"""

import collections
import dataclasses
import functools
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 800

Finding = tuple[int, str]  # line, message


# ---- Files -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class File:
    path: str  # from the root, with slashes
    text: str

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @functools.cached_property
    def code_lines(self) -> list[str]:
        """The lines with comments and the contents of literals blanked out."""
        return blank_out(self.text).splitlines()

    @functools.cached_property
    def includes(self) -> list[tuple[int, str]]:
        """(line, name as written with its quotes or brackets)."""
        found = []
        for number, line in enumerate(self.lines, 1):
            if match := re.match(r'\s*#\s*include\s+("[^"]+"|<[^>]+>)', line):
                found.append((number, match[1]))
        return found

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def is_test(self) -> bool:
        return self.path.endswith("_test.cpp") or self.path.startswith("tests/")

    @property
    def layer(self) -> str:
        """The folder below src/; "" elsewhere."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""


LITERALS_AND_COMMENTS = re.compile(
    r"""//[^\n]* | /\*.*?\*/
      | (?:u8|[uUL])?R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"
      | "(?:\\.|[^"\\\n])*" | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""",
    re.VERBOSE | re.DOTALL)


def blank_out(text: str) -> str:
    def blank(match: re.Match) -> str:
        quote = match[0][-1] if match[0][-1] in "\"'" else ""
        return quote + re.sub(r"[^\n]", " ", match[0][2 * len(quote):]) + quote

    return LITERALS_AND_COMMENTS.sub(blank, text)


def repository_files() -> Iterator[File]:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z",
               "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for path in sorted(set(listed.split("\0")) - {""}):
        file = ROOT / path
        if file.is_symlink() or not file.is_file():  # removed and not committed yet
            continue
        try:
            yield File(path, file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # pictures and the like


# ---- Rules -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Rule:
    check: Callable[[File], Iterator[Finding]]
    bad: list[File]  # each must be found
    good: list[File]  # none may be found
    is_warning: bool = False

    @property
    def name(self) -> str:
        return self.check.__name__


RULES: list[Rule] = []


def rule(*, bad: list[tuple[str, str]], good: list[tuple[str, str]], is_warning: bool = False):
    def add(check):
        RULES.append(Rule(check, [File(*one) for one in bad], [File(*one) for one in good],
                          is_warning))
        return check

    return add


# Includes point toward pure code. A folder may include itself, what stands beside its name here,
# and the public headers of values (error, result).
_PURE = {"base", "json", "wire", "policy", "guard", "health", "providers", "tokens"}
_CORE = _PURE | {"net", "store", "shared_state", "pipeline", "ledger", "usage", "rag"}
INCLUDES = {
    "base": set(),
    "json": {"base"},
    "wire": {"base", "json"},
    "policy": {"base"},
    "health": {"base", "policy"},
    "guard": {"base", "json", "wire", "policy"},
    "providers": {"base", "json", "wire"},
    "tokens": {"base"},
    "net": {"base"},
    "store": {"base"},
    "rag": _PURE | {"net", "store"},
    "pipeline": _PURE | {"net", "store", "rag"},
    "ledger": _PURE | {"net", "store", "pipeline"},  # it implements the pipeline's Journal
    "usage": _PURE | {"store", "pipeline", "ledger"},
    "shared_state": _PURE | {"net", "pipeline"},  # it implements the pipeline's ports
    "identity": _PURE | {"net", "store", "pipeline"},
    "config": _PURE,
    "engine": _CORE | {"config"},
    "admin": _CORE | {"config"},
    "api": _CORE | {"config", "engine"},
    "server": _CORE | {"config", "engine", "admin", "identity"},
    "chaos": _CORE,
    "cli": _CORE | {"chaos", "config", "engine", "admin", "identity", "server", "api"},
}
VALUE_HEADERS = {"weir/error.hpp", "weir/result.hpp"}
PUBLIC_API_USERS = {"api", "server", "cli"}


@rule(bad=[("src/base/a.cpp", '#include "json/document.hpp"\n'),
           ("src/wire/openai/a.cpp", '#include "config/config.hpp"\n'),
           ("src/policy/a.hpp", '#include "wire/sse.hpp"\n'),
           ("src/net/a.cpp", '#include "policy/router.hpp"\n'),
           ("src/pipeline/a.cpp", '#include "config/config.hpp"\n'),
           ("src/pipeline/a.cpp", '#include "weir/weir.hpp"\n'),
           ("src/nowhere/a.cpp", '#include "base/assert.hpp"\n')],
      good=[("src/wire/a.cpp", '#include "wire/a.hpp"\n#include "json/document.hpp"\n'),
            ("src/base/a.hpp", '#include "weir/error.hpp"\n#include <string>\n'),
            ("src/policy/a_test.cpp", '#include "support/fake_clock.hpp"\n'),
            ("src/api/a.cpp", '#include "weir/weir.hpp"\n'),
            ("tests/wire/a.cpp", '#include "wire/openai/codec.hpp"\n')])
def include_direction(file: File) -> Iterator[Finding]:
    if not file.is_cpp or not file.layer:
        return
    allowed = INCLUDES.get(file.layer)
    if allowed is None:
        yield 1, f"folder src/{file.layer} is not in the table of include directions"
        return
    for line, name in file.includes:
        header = name[1:-1]
        target = header.split("/")[0]
        if target == "weir" and "/" in header:
            if header not in VALUE_HEADERS and file.layer not in PUBLIC_API_USERS:
                yield line, f"{file.layer} may not include the public API ({header})"
        elif target in INCLUDES and target != file.layer and target not in allowed:
            yield line, f"{file.layer} may not include {target} ({header})"


# The pipeline runs under the simulator, so it sees ports, never what stands behind them.
CONCRETE_TYPES = re.compile(r"(?:net/(?:epoll_|system_|tcp\b|tls\b)|store/[a-z0-9_]+/)")


@rule(bad=[("src/pipeline/a.cpp", '#include "store/sqlite/ledger.hpp"\n'),
           ("src/pipeline/a.cpp", '#include "net/epoll_loop.hpp"\n')],
      good=[("src/pipeline/a.cpp", '#include "store/ledger_store.hpp"\n#include "net/task.hpp"\n'),
            ("src/server/a.cpp", '#include "store/sqlite/ledger.hpp"\n')])
def pipeline_sees_interfaces_only(file: File) -> Iterator[Finding]:
    if file.layer not in {"pipeline", "rag"} or file.is_test:
        return
    for line, name in file.includes:
        if CONCRETE_TYPES.match(name[1:-1]):
            yield line, f"{file.layer} uses interfaces; {name[1:-1]} is a concrete type"


@rule(bad=[("src/pipeline/a.cpp", "#include <boost/asio/post.hpp>\n"),
           ("src/wire/a.cpp", "#include <boost/asio.hpp>\n")],
      good=[("src/net/a.cpp", "#include <boost/asio/post.hpp>\n"),
            ("src/config/a.cpp", "#include <boost/json.hpp>\n")])
def asio_stays_behind_its_door(file: File) -> Iterator[Finding]:
    if not file.layer or file.layer in {"net", "api", "server"}:
        return
    for line, name in file.includes:
        if name.startswith("<boost/asio"):
            yield line, "Asio is included in net, api and server only"


@rule(bad=[("include/weir/weir.hpp", "#include <boost/json.hpp>\n"),
           ("include/weir/weir.hpp", '#include "base/money.hpp"\n'),
           ("include/weir/weir.hpp", "#pragma once\nvoid f() { std::abort(); }\n"),
           ("include/weir/weir.hpp", "#pragma once\nvoid f() { std::cout << 1; }\n")],
      good=[("include/weir/weir.hpp", '#include <string>\n#include "weir/error.hpp"\n'),
            ("include/weir/asio.hpp", "#include <boost/asio/awaitable.hpp>\n")])
def public_headers_stand_alone(file: File) -> Iterator[Finding]:
    if not file.path.startswith("include/"):
        return
    for line, name in file.includes:
        is_ours = name[1:-1].startswith("weir/")
        is_standard = name.startswith("<") and "/" not in name and not name.endswith(".h>")
        is_asio = file.path == "include/weir/asio.hpp" and name.startswith("<boost/asio")
        if not (is_ours or is_standard or is_asio):
            yield line, f"public headers include the standard library and weir/ only, not {name}"
    yield from matches(file, r"\babort\s*\(|std::(?:cout|cerr|clog)\b|\bf?printf\s*\(",
                       "public headers neither print nor abort")


def matches(file: File, pattern: str, message: str) -> Iterator[Finding]:
    for number, line in enumerate(file.code_lines, 1):
        if found := re.search(pattern, line):
            yield number, f"{found[0].strip()}: {message}"


@dataclasses.dataclass(frozen=True)
class Ban:
    """Something that src/ must not say, except where `except_in` (path prefixes) matches."""

    pattern: str
    message: str
    bad: str
    good: str
    except_in: tuple[str, ...] = ()
    holds_in_tests: bool = True


BANS = [
    Ban(r"std::(?:cout|cerr|clog)\b|(?<![\w.>])(?:std::)?v?f?printf\s*\(|"
        r"(?<![\w.>])(?:std::)?(?:f?puts|putchar|perror)\s*\(|\bfmt::print\b",
        "only the command line prints; elsewhere log, or return an Error",
        bad="std::cerr << 1;", good="snprintf(to, size, format);",
        except_in=("src/cli/", "src/base/assert.cpp"), holds_in_tests=False),
    Ban(r"(?:^|[;{}(=!:])\s*(?:u|nano)?sleep\s*\(|\bsleep_(?:for|until)\b",
        "nothing sleeps; wait on the Loop with a deadline, in tests use a virtual clock",
        bad="std::this_thread::sleep_for(1s);", good="co_await loop.wait_until(at); Sleep sleep(loop);"),
    Ban(r"\bdetached\b|[.>]detach\s*\(",
        "every task and thread has an owner that joins it",
        bad="std::thread(run).detach();", good="bool is_detached_head = false;"),
    Ban(r"\bstd::(?:abort|terminate)\s*\(|(?<!\w)::abort\s*\(|(?:^|[;{})])\s*abort\s*\(",
        "a bug is WEIR_ASSERT, anything else is an Error",
        bad="std::abort();", good="void abort(); transfer.abort(); void Server::abort() {}",
        # A coroutine's promise must say what an exception that cannot happen does.
        except_in=("src/base/assert.cpp", "src/net/task.hpp")),
    Ban(r"(?<![\w.])assert\s*\(|<cassert>",
        "use WEIR_ASSERT, which is on in every build",
        bad="assert(x > 0);", good="static_assert(x > 0); WEIR_ASSERT(y > 0);"),
    Ban(r"\bthrow\b",
        "our code does not throw; return an Error",
        bad="throw std::runtime_error(text);", good='log("throw up"); // throw', holds_in_tests=False),
    Ban(r"(?<![\w.>])(?:std::)?(?:strn?cpy|strn?cat|v?sprintf|gets|strtok|atoi|atol|atof|alloca)\s*\(",
        "unbounded or unchecked; use std::string, from_chars, snprintf",
        bad="strcpy(to, from);", good="my_strcpy(a); snprintf(a, 1, b);"),
    Ban(r"\busing\s+namespace\s+(?!std::(?:\w+_)?literals\b)",
        "say whose name it is",
        bad="using namespace std;", good="using namespace std::chrono_literals;"),
    Ban(r"\b(?:steady|system|high_resolution|deadline)_timer\b|\bwaitable_timer\b",
        "timers come from the Loop port, so that the simulator can run the code",
        bad="boost::asio::steady_timer timer;", good="loop.wait_until(at);",
        except_in=("src/net/", "src/store/")),
    Ban(r"\bstd::(?:filesystem|[io]?fstream)\b|\bfopen\s*\(|(?<![\w>])::open(?:at)?\s*\(|"
        r"<(?:filesystem|fstream)>",
        "files are reached through a port of store",
        bad="std::ifstream file(path);", good="document.open(path); open(turn); Turn::open(path);",
        except_in=("src/net/", "src/store/",
                   "src/config/disk.cpp"),  # behind config's own port; nothing else may grow there
        holds_in_tests=False),
    Ban(r"\bstd::(?:format|expected|print|move_only_function)\b|<(?:format|expected|print)>",
        "libstdc++ 12 has no such thing; use fmt, Result",
        bad="auto text = std::format(pattern);", good="auto text = fmt::format(pattern);"),
    Ban(r"\bparse\s*\([^;]*\bexchange(?:\(\))?\.body\(\)",
        "a client's body is read as JSON once, by ClientRequest::read_json",
        bad="document.parse(request.exchange.body());", good="document.parse(request.own_body);",
        except_in=("src/server/client_request.cpp",)),
]


@rule(bad=[("src/wire/a.cpp", ban.bad + "\n") for ban in BANS] +
          [("src/net/a.cpp", "#include <cassert>\n")],
      good=[("src/wire/a.cpp", ban.good + "\n") for ban in BANS] +
           [("src/cli/a.cpp", "std::cout << 1;\n"), ("src/store/a.cpp", "std::ifstream file;\n"),
            ("src/base/a.cpp", 'log("abort()"); // std::abort()\n/* new Thing\n throw */\n')])
def banned_calls(file: File) -> Iterator[Finding]:
    if not file.is_cpp or not file.layer:
        return
    for ban in BANS:
        is_free = file.path.startswith(ban.except_in) or (file.is_test and not ban.holds_in_tests)
        if not is_free:
            yield from matches(file, ban.pattern, ban.message)


# Memory that is given out again is handed out without an owner there, by design.
RECYCLER = ("src/base/recycled.hpp", "src/base/recycled.cpp")


@rule(bad=[("src/net/a.cpp", "auto* a = new Thing;\n"),
           ("src/net/a.cpp", "  bytes_(new char[size])\n")],
      good=[("src/net/a.cpp", "int new_value = renew(old); // new Thing\n"),
            ("src/net/a.cpp", "return std::unique_ptr<Thing>(\n    new Thing(1));\n"),
            ("src/net/a.cpp", "std::shared_ptr<const Thing> thing(new Thing);\n"),
            ("src/base/recycled.cpp", "return ::operator new(bytes);\n")])
def no_bare_new(file: File) -> Iterator[Finding]:
    if not file.is_cpp or not file.layer or file.path in RECYCLER:
        return
    code = blank_out(file.text)
    for found in re.finditer(r"\bnew\b\s*[(A-Za-z_:]", code):
        # A private constructor leaves no other way; then a smart pointer stands right before it.
        if not re.search(r"_ptr<[^;{}]*>\s*\w*\s*[({]\s*$", code[:found.start()][-200:]):
            yield (code.count("\n", 0, found.start()) + 1,
                   "no bare new; std::make_unique, make_unique_for_overwrite, or a container")


SPDX = "SPDX-License-Identifier: Apache-2.0"


@rule(bad=[("src/base/a.cpp", '#include "base/a.hpp"\n'), ("scripts/a.sh", "#!/bin/sh\necho\n"),
           ("examples/a.cpp", "\n\n// " + SPDX + "\n")],
      good=[("src/base/a.cpp", f"// {SPDX}\n"), ("scripts/a.sh", f"#!/bin/sh\n# {SPDX}\n"),
            ("docs/a.md", "text\n")])
def license_line(file: File) -> Iterator[Finding]:
    is_source = file.path.endswith((".cpp", ".hpp", ".py", ".sh", ".js", ".mjs", ".ts", ".tsx"))
    is_script = file.text.startswith("#!")
    if (is_source or is_script) and not any(SPDX in line for line in file.lines[:2]):
        yield 1, f"the first line (after #!) says {SPDX}"


@rule(bad=[("src/base/a.hpp", f"// {SPDX}\n#include <string>\n")],
      good=[("src/base/a.hpp", f"// {SPDX}\n#pragma once\n"), ("src/base/a.cpp", f"// {SPDX}\n")])
def pragma_once(file: File) -> Iterator[Finding]:
    if file.path.endswith(".hpp") and "#pragma once" not in file.code_lines:
        yield 1, "a header says #pragma once"


@rule(bad=[("src/json/writer.cpp", '#include <string>\n#include "json/writer.hpp"\n')],
      good=[("src/json/writer.cpp", '#include "json/writer.hpp"\n#include <string>\n'),
            ("src/json/a.cpp", "#include <string>\n")])
def own_header_first(file: File) -> Iterator[Finding]:
    if not file.path.startswith("src/") or not file.path.endswith(".cpp"):
        return
    own = f'"{file.path.removeprefix("src/").removesuffix(".cpp")}.hpp"'
    for number, (line, name) in enumerate(file.includes):
        if name == own and number != 0:
            yield line, "a file includes its own header first, which shows that it stands alone"


@rule(bad=[("src/base/a.cpp", "\n" * (FILE_LINES_MAX + 1))],
      good=[("src/base/a.cpp", "\n" * FILE_LINES_MAX), ("data/a.yaml", "\n" * 5000)],
      is_warning=True)
def file_length(file: File) -> Iterator[Finding]:
    if file.is_cpp and len(file.lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX, f"{len(file.lines)} lines; a file is read in one sitting"


@rule(bad=[("README.md", "cd /home/" + "ann/weir\n"), ("docs/a.md", "see /Users/" + "ann\n"),
           ("scripts/a.sh", "cd /root/" + "weir\n"), ("src/a.cpp", '"/wo' + 'rk/x"\n')],
      good=[("docs/a.md", "/etc/weir/weir.yaml, ~/weir, /home/you/weir, /var/lib/weir, docs/home/a, http://x/work/y\n")])
def no_machine_paths(file: File) -> Iterator[Finding]:
    pattern = re.compile(r"(?<![\w./~-])/(?:home/(?!u\b|user\b|you\b)[\w.-]|Users/\w|root/\w|work/\w|builds?/\w)")
    for number, line in enumerate(file.lines, 1):
        if found := pattern.search(line):
            yield number, f"a path of somebody's machine ({found[0]}...)"


# Written as a shape, not as a list of names. Lock files of npm name a host in every "resolved".
REGISTRY_HOSTS = re.compile(
    r"(?i)\b(?:registry|pypi|npm|npmjs|crates|rubygems|deb|proxy\.golang|files\.pythonhosted)\."
    r"(?:[a-z0-9-]+\.)*(?:org|com|io|net|dev|debian|internal|local)\b"
    r"|\"resolved\"\s*:\s*\"https?://|--(?:extra-)?index-url|^\s*registry\s*=")


@rule(bad=[("package-lock.json", '"resolved": "https:' + '//mirror.example/a.tgz"\n'),
           ("docs/a.md", "see registry.example" + ".org\n"), ("docs/a.md", "PyPI." + "org\n"),
           (".npmrc", "registry" + "=http://a\n")],
      good=[("docs/a.md", "npm install openai; api.openai.com; the route registry.\n")])
def no_registry_hosts(file: File) -> Iterator[Finding]:
    for number, line in enumerate(file.lines, 1):
        if found := REGISTRY_HOSTS.search(line):
            yield number, f"a package registry's host ({found[0]}); which one is the machine's affair"


HTTP_REFERENCE = "docs/reference/http-api.md"


@rule(bad=[(HTTP_REFERENCE, "| `invalid_json` | 400 |\n")],
      good=[("docs/reference/configuration.md", "")])
def error_codes_are_explained(file: File) -> Iterator[Finding]:
    if file.path != HTTP_REFERENCE:
        return
    table = (ROOT / "src/base/error.cpp").read_text()
    for code in dict.fromkeys(re.findall(r'ErrorTraits\{C::\w+, "(\w+)"', table)):
        if f"`{code}`" not in file.text:
            yield 1, f"says nothing of the error code {code}"


@rule(bad=[(HTTP_REFERENCE, "| `GET /api/keys/{id}` | one |\n")],
      good=[("docs/reference/configuration.md", "")])
def admin_paths_are_explained(file: File) -> Iterator[Finding]:
    if file.path != HTTP_REFERENCE:
        return
    told = set(re.sub(r"\{\w+\}", "{}", path) for path in re.findall(r"/api/[\w/{}-]+", file.text))
    table = (ROOT / "src/server/routes.cpp").read_text()
    for path in dict.fromkeys(re.findall(r'"(/api/[^"]+)",[^\n]*Surface::admin', table)):
        if path not in told:
            yield 1, f"says nothing of the path {path}"


# ---- Running ---------------------------------------------------------------------------------


def self_test() -> int:
    failures = 0
    for one in RULES:
        assert one.bad, one.name
        for file in one.bad:
            if not list(one.check(file)):
                failures += 1
                print(f"{one.name} lets pass {file.path}: {file.text[:60]!r}")
        for file in one.good:
            for _, message in one.check(file):
                failures += 1
                print(f"{one.name} finds fault with {file.path}: {message}")
    for ban in BANS:  # each on its own, so that no ban hides behind another
        if not list(matches(File("src/wire/a.cpp", ban.bad), ban.pattern, "")):
            failures += 1
            print(f"ban lets pass: {ban.bad}")
    print(f"tidy: {len(RULES)} rules, {len(BANS)} bans tested, {failures} faults")
    return 1 if failures else 0


def check_repository() -> int:
    found: collections.Counter[bool] = collections.Counter()
    for file in repository_files():
        for one in RULES:
            for line, message in one.check(file):
                found[one.is_warning] += 1
                label = "warning: " if one.is_warning else ""
                print(f"{file.path}:{line}: {label}{message} [{one.name}]")
    print(f"tidy: {found[False]} errors, {found[True]} warnings")
    return 1 if found[False] else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check_repository())

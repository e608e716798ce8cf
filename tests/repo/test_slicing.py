"""What is taken along from the notebook, and how it is written."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from headrace.engine.function import compile_body
from headrace.repo.slicing import slice_stream
from notebook_files import MAGIC, write_notebook

FRAME = pd.DataFrame({"x": [1.0, 5.0, 20.0], "name": ["a", "b", "c"]})

# Cells before the stream, its body, and the statements outside the function that the module must have.
TAKEN: dict[str, tuple[list[str], str, list[str]]] = {
    "nothing": ([], "df", []),
    "no last expression": ([], "df = df[df.x > 2]", []),
    "a constant": (["LIMIT = 2\nOTHER = 3"], "df[df.x > LIMIT]", ["LIMIT = 2"]),
    "a constant through another": (["A = 1", "B = A + 1", "C = 9"], "df[df.x > B]", ["A = 1", "B = A + 1"]),
    "an import with an alias": (
        ["import numpy as np, math\nimport json"],
        "df.assign(y=np.log(df.x))",
        ["import numpy as np"],
    ),
    "from import, one of two": (["from math import pi, tau"], "df.assign(y=df.x * pi)", ["from math import pi"]),
    "a function with what it needs": (
        ["RATE = 2.0", "def double(x):\n    return x * RATE\n\ndef unused(x):\n    return x"],
        "df.assign(y=double(df.x))",
        ["RATE = 2.0", "def double(x):\n    return x * RATE"],
    ),
    "functions that call each other": (
        ["def even(n):\n    return n == 0 or odd(n - 1)", "def odd(n):\n    return n != 0 and even(n - 1)"],
        "df[df.x.map(lambda v: even(int(v)))]",
        ["def even(n):\n    return n == 0 or odd(n - 1)", "def odd(n):\n    return n != 0 and even(n - 1)"],
    ),
    "a constant defined after the function that reads it": (
        ["def f(x):\n    return x + STEP", "STEP = 3"],
        "df.assign(y=f(df.x))",
        ["def f(x):\n    return x + STEP", "STEP = 3"],
    ),
    "the last definition counts": (["LIMIT = 100", "LIMIT = 2"], "df[df.x > LIMIT]", ["LIMIT = 2"]),
    "a redefined function": (
        ["def f(x):\n    return x", "def f(x):\n    return x * 2"],
        "df.assign(y=f(df.x))",
        ["def f(x):\n    return x * 2"],
    ),
    "both definitions where one was read in between": (
        ["N = 1", "FIRST = N + 1", "N = 5"],
        "df.assign(y=FIRST, z=N)",
        ["N = 1", "FIRST = N + 1", "N = 5"],
    ),
    "a global that a function read at module time": (
        ["N = 1", "def read():\n    return N", "FIRST = read()", "N = 5"],
        "df.assign(y=FIRST)",
        ["N = 1", "def read():\n    return N", "FIRST = read()", "N = 5"],
    ),
    "changed item by item": (
        ["RATES = {}", "RATES['a'] = 1\nprint(RATES)", "OTHER = {}\nOTHER['b'] = 2"],
        "df.assign(y=df.name.map(RATES))",
        ["RATES = {}", "RATES['a'] = 1"],
    ),
    "changed by a method": (
        ["NAMES = []", "NAMES.append('a')\nNAMES.extend(['b'])\nlen(NAMES)"],
        "df[df.name.isin(NAMES)]",
        ["NAMES = []", "NAMES.append('a')", "NAMES.extend(['b'])"],
    ),
    "changed by a method whose result is another's": (
        ["NAMES = ['a', 'b']", "last = NAMES.pop()"],
        "df[df.name.isin(NAMES)]",
        ["NAMES = ['a', 'b']", "last = NAMES.pop()"],
    ),
    "changed in a loop": (
        ["TABLE = {}", "for key in ['a', 'b']:\n    TABLE[key] = ord(key)"],
        "df.assign(y=df.name.map(TABLE))",
        ["TABLE = {}", "for key in ['a', 'b']:\n    TABLE[key] = ord(key)"],
    ),
    "changed under another name": (
        ["A = {}", "B = A", "B['a'] = 1"],
        "df.assign(y=df.name.map(A))",
        ["A = {}", "B = A", "B['a'] = 1"],
    ),
    "changed by a function of its own": (
        ["A = {}", "def fill(t):\n    t['a'] = 1", "fill(A)"],
        "df.assign(y=df.name.map(A))",
        ["A = {}", "def fill(t):\n    t['a'] = 1", "fill(A)"],
    ),
    "changed by a decorator": (
        ["KNOWN = {}", "def known(f):\n    KNOWN[f.__name__] = f\n    return f", "@known\ndef a(x):\n    return x"],
        "df.assign(y=KNOWN['a'](df.x))",
        ["KNOWN = {}", "def known(f):\n    KNOWN[f.__name__] = f\n    return f", "@known\ndef a(x):\n    return x"],
    ),
    "added to": (["N = 1", "N += 4"], "df[df.x > N]", ["N = 1", "N += 4"]),
    "a try import": (
        ["try:\n    import no_such_json as json\nexcept ImportError:\n    import json"],
        "df.assign(y=df.name.map(json.dumps))",
        ["try:\n    import no_such_json as json\nexcept ImportError:\n    import json"],
    ),
    "a class": (
        ["UNIT = 2", "class Scale:\n    unit = UNIT\n\n    def of(self, x):\n        return x * self.unit"],
        "df.assign(y=Scale().of(df.x))",
        ["UNIT = 2", "class Scale:\n    unit = UNIT\n\n    def of(self, x):\n        return x * self.unit"],
    ),
    "a default argument and a closure": (
        ["D = 2", "def make(n=D):\n    def inner(x):\n        return x * n\n    return inner", "f = make()"],
        "df.assign(y=f(df.x))",
        ["D = 2", "def make(n=D):\n    def inner(x):\n        return x * n\n    return inner", "f = make()"],
    ),
    "names in a query": (["LIMIT = 2\nOTHER = 1"], "df.query('x > @LIMIT')", ["LIMIT = 2"]),
    "names in a query that is a constant": (
        ["LIMIT = 2", "WHICH = 'x > @LIMIT'"],
        "df.query(WHICH)",
        ["LIMIT = 2", "WHICH = 'x > @LIMIT'"],
    ),
    "a local of that name in a query": ([], "limit = 2\ndf.query('x > @limit')", []),
    "no plots, no looks, no magics": (
        ["%matplotlib inline\nLIMIT = 2\n!ls\nLIMIT?", "import json\nframe = {}\njson.dumps(frame)"],
        "df[df.x > LIMIT]",
        ["LIMIT = 2"],
    ),
    "a cell of another language": (["%%bash\nLIMIT=3", "LIMIT = 2"], "df[df.x > LIMIT]", ["LIMIT = 2"]),
    "a timed cell": (["%%time\nLIMIT = 2"], "df[df.x > LIMIT]", ["LIMIT = 2"]),
    "another stream is no definition": (
        ["LIMIT = 2", "%%stream other --from a --to c\nLIMIT = 7\ndf"],
        "df[df.x > LIMIT]",
        ["LIMIT = 2"],
    ),
    "two statements on a line": (["A = 1; LIMIT = 2; B = 3"], "df[df.x > LIMIT]", ["LIMIT = 2"]),
    "a builtin of its own": (
        ["def max(a, b):\n    return b"],
        "df.assign(y=max(1, 0))",
        ["def max(a, b):\n    return b"],
    ),
    "unpacked": (["LOW, HIGH = 2, 9"], "df[df.x.between(LOW, HIGH)]", ["LOW, HIGH = 2, 9"]),
    "one import for two cells": (
        ["import math", "import math\ndef f(x):\n    return math.floor(x)"],
        "df.assign(y=df.x.map(f), z=math.pi)",
        ["import math", "def f(x):\n    return math.floor(x)"],
    ),
    "modules of one package": (
        ["import xml.dom.minidom\nimport xml.sax.saxutils"],
        "df.assign(y=df.name.map(xml.sax.saxutils.escape), z=xml.dom.minidom.__name__)",
        ["import xml.dom.minidom", "import xml.sax.saxutils"],
    ),
    "numpy's seed is a setting": (
        ["import numpy as np", "np.random.seed(7)", "SHIFT = np.random.rand()"],
        "df.assign(y=df.x + SHIFT)",
        ["import numpy as np", "np.random.seed(7)", "SHIFT = np.random.rand()"],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_exactly_what_the_body_needs_is_taken(name: str, tmp_path: Path) -> None:
    cells, body, expected = TAKEN[name]
    notebook = write_notebook(tmp_path / "n.ipynb", *cells, MAGIC + body)
    module = slice_stream(notebook, "s").module_source
    found = [ast.unparse(node) for node in ast.parse(module).body[1:-1]]
    wanted = [ast.unparse(node) for statement in expected for node in ast.parse(statement).body]
    assert sorted(set(found) - {"import pandas as pd"}) == sorted(wanted)
    namespace: dict[str, Any] = {"__name__": "extracted"}
    exec(compile(module, "transform.py", "exec"), namespace)  # noqa: S102  the module under test
    pd.testing.assert_frame_equal(namespace["transform"](FRAME.copy()), _as_in_the_notebook(cells, body))


def _as_in_the_notebook(cells: list[str], body: str) -> pd.DataFrame:
    """Run the cells as a kernel would, IPython's lines aside, and then the body on the frame."""
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        lines = [line for line in cell.splitlines() if not line.startswith(("%", "!")) and not line.endswith("?")]
        if not cell.startswith(("%%stream", "%%bash")):
            exec("\n".join(lines), namespace)  # noqa: S102  the cells above
    result = compile_body(body, filename="<cell>", namespace=namespace)(FRAME.copy())
    assert isinstance(result, pd.DataFrame)
    return result


def test_the_module_looks_written_by_hand(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "n.ipynb",
        "import pandas as pd\nfrom math import pi\nimport json\nimport numpy as np",
        "# Minutes after which a flight\n# counts as late.\nLATE = 15  # official\n\nNOTE = 3",
        "def area(r):\n    # of a circle\n    return np.square(r) * pi",
        "%%stream circles --from a --to b --param factor=1.5 --param word=x\n\n"
        'text = """first\n  second"""\n\nbig = df[df.x > LATE]  # the big ones\n'
        "(\n    big.assign(\n        y=area(big.x) * factor,\n        é=text,\n    )\n);  # done\n",
    )
    assert slice_stream(notebook, "circles").module_source == (
        '"""circles: a -> b."""\n'
        "\n"
        "from math import pi\n"
        "\n"
        "import numpy as np\n"
        "import pandas as pd\n"
        "\n"
        "# Minutes after which a flight\n"
        "# counts as late.\n"
        "LATE = 15  # official\n"
        "\n"
        "\n"
        "def area(r):\n"
        "    # of a circle\n"
        "    return np.square(r) * pi\n"
        "\n"
        "\n"
        "def transform(df: pd.DataFrame, *, factor: float = 1.5, word: str = 'x') -> pd.DataFrame:\n"
        '    text = """first\n'
        '  second"""\n'
        "\n"
        "    big = df[df.x > LATE]  # the big ones\n"
        "    return (\n"
        "        big.assign(\n"
        "            y=area(big.x) * factor,\n"
        "            é=text,\n"
        "        )\n"
        "    )  # done\n"
    )


def test_pandas_under_its_own_name_serves_the_signature(tmp_path: Path) -> None:
    cells = ["import pandas", MAGIC + "pandas.concat([df])"]
    module = slice_stream(write_notebook(tmp_path / "n.ipynb", *cells), "s").module_source
    assert "def transform(df: pandas.DataFrame) -> pandas.DataFrame:" in module
    assert module.count("import") == 1


def test_a_future_import_stays_first(tmp_path: Path) -> None:
    cells = ["from __future__ import annotations", "def f(x: Later) -> Later:\n    return x", MAGIC + "f(df)"]
    notebook = write_notebook(tmp_path / "n.ipynb", *cells, "class Later:\n    pass")
    with pytest.raises(Exception, match="`Later`"):
        slice_stream(notebook, "s")
    notebook = write_notebook(tmp_path / "n.ipynb", cells[0], "def f(x: int) -> int:\n    return x", cells[2])
    module = slice_stream(notebook, "s").module_source
    assert module.splitlines()[2] == "from __future__ import annotations"

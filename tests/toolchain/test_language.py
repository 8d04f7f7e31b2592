"""The stand-in language host: how a program runs, prints and fails."""

from tests.toolchain.stacks import Stack


def test_the_program_is_main_in_its_own_directory(stack: Stack) -> None:
    """With its modules importable, and what it prints shown."""
    (stack.directory / "beside.py").write_text("VALUE = 'imported'\n")
    stack.write(
        "import os, sys, pulumi, beside\n"
        "assert __name__ == '__main__'\n"
        "print('said', beside.VALUE)\n"
        "print('warned', file=sys.stderr)\n"
        "pulumi.export('cwd', os.getcwd())\n"
        "pulumi.export('path', sys.path[0])\n"
    )
    output = stack.up()
    assert "said imported" in output
    assert "warned" in output
    assert stack.outputs() == {"cwd": str(stack.directory), "path": str(stack.directory)}


def test_a_program_in_a_directory_below(stack: Stack) -> None:
    """`main:` moves both the working directory and the imports."""
    (stack.directory / "Pulumi.yaml").write_text("name: tc-test\nmain: sub\nruntime: {name: python}\n")
    (stack.directory / "sub").mkdir()
    (stack.directory / "sub" / "__main__.py").write_text(
        "import os, pulumi\npulumi.export('cwd', os.getcwd())\n"
    )
    stack.up()
    assert stack.outputs() == {"cwd": str(stack.directory / "sub")}


def test_configuration_reaches_the_program(stack: Stack) -> None:
    """Plain and secret."""
    stack.pulumi("config", "set", "a", "1")
    stack.pulumi("config", "set", "--secret", "b", "hidden")
    stack.up(
        "import pulumi\nc = pulumi.Config()\npulumi.export('all', [c.require('a'), c.require_secret('b')])\n"
    )
    assert stack.outputs() == {"all": ["1", "hidden"]}
    assert "hidden" not in stack.exported()


def test_an_exception_shows_the_program_traceback_only(stack: Stack) -> None:
    """Not the frames of the host."""
    stack.write("def broken():\n    raise ValueError('what went wrong')\n\nbroken()\n")
    output = stack.pulumi("preview", ok=False)
    assert "ValueError: what went wrong" in output
    assert "in broken" in output
    assert "language.py" not in output
    assert "runpy" not in output


def test_a_run_error_is_one_clean_message(stack: Stack) -> None:
    """As the SDK documents it."""
    stack.write("import pulumi\nraise pulumi.RunError('please set the size')\n")
    output = stack.pulumi("preview", ok=False)
    assert "please set the size" in output
    assert "Traceback" not in output


def test_an_exception_in_an_apply_fails_the_run(stack: Stack) -> None:
    """Later, outside the program's own frames."""
    stack.write("import pulumi\npulumi.Output.from_input(1).apply(lambda n: n / 0)\n")
    assert "division by zero" in stack.pulumi("preview", ok=False)


def test_about_and_install(stack: Stack) -> None:
    """Both ask the language host."""
    stack.write("")
    assert "This project is written in python" in stack.pulumi("about")
    assert "toolchain setup" in stack.pulumi("install")


def test_a_failure_among_many_values_is_reported(stack: Stack) -> None:
    """The host waits for all of them at once, and must not overlook the one that fails."""
    stack.write(
        "import asyncio, pulumi\n"
        "class Part(pulumi.ComponentResource):\n"
        "    def __init__(self, name):\n"
        "        super().__init__('tc:test:Part', name)\n"
        "        self.register_outputs({})\n"
        "parts = [Part(f'p{i}') for i in range(60)]\n"
        "def check(i):\n"
        "    if i == 41:\n"
        "        raise ValueError('the forty-first is broken')\n"
        "for i, part in enumerate(parts):\n"
        "    pulumi.Output.all(part.urn, i).apply(lambda seen: check(int(seen[1])))\n"
    )
    assert "the forty-first is broken" in stack.pulumi("preview", ok=False)
    stack.write(
        "import pulumi\nfor i in range(60):\n    pulumi.export(str(i), pulumi.Output.from_input(i))\n"
    )
    stack.up()
    assert len(stack.outputs()) == 60

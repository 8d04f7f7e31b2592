"""`command:local:Command` of the stand-in, through a real engine."""

import signal
import subprocess
import time
from pathlib import Path

from tests.toolchain.stacks import Stack

HEAD = "import pulumi\nfrom pulumi_command import local\n"


def command(arguments: str, rest: str = "") -> str:
    """A program with one command named `one` that exports its output."""
    return f"{HEAD}one = local.Command('one', {arguments})\npulumi.export('stdout', one.stdout)\n{rest}"


def test_create_update_and_delete(stack: Stack) -> None:
    """Each runs its own command, in the project's directory, and knows the output before it."""
    delete = "pwd > deleted; echo $PULUMI_COMMAND_STDOUT >> deleted"
    lasting = f"update='echo $A after $PULUMI_COMMAND_STDOUT', delete='{delete}'"
    first = command(f"create='echo created; echo trouble >&2', {lasting}, environment={{'A': '1'}}")
    assert "created" in stack.up(first)
    assert stack.outputs() == {"stdout": "created"}
    assert stack.resource("one")["outputs"]["stderr"] == "trouble"
    assert stack.changes() == {}
    stack.refresh()
    assert stack.changes() == {}

    stack.write(first.replace("'A': '1'", "'A': '2'"))
    assert stack.changes() == {"update": 1}
    stack.up()
    assert stack.outputs() == {"stdout": "2 after created"}

    stack.up(HEAD)
    assert (stack.directory / "deleted").read_text().splitlines() == [str(stack.directory), "2 after created"]


def test_update_without_a_command_of_its_own_runs_create(stack: Stack) -> None:
    """And `addPreviousOutputInEnv=False` keeps the old output away from it."""
    arguments = "create='echo x$PULUMI_COMMAND_STDOUT', add_previous_output_in_env=False, stdin='{}'"
    stack.up(command(arguments.format("a")))
    stack.up(command(arguments.format("b")))
    assert stack.outputs() == {"stdout": "x"}


def test_outputs_are_unknown_in_the_preview_of_a_run(stack: Stack) -> None:
    """A dependant of a command that will run again is previewed as changing too."""
    second = "two = local.Command('two', create=one.stdout.apply(lambda text: 'echo ' + text))\n"
    stack.up(command("create='echo a'", second))
    stack.write(command("create='echo b'", second))
    assert stack.changes() == {"update": 2}
    stack.up()
    assert stack.changes() == {}


def test_triggers_replace(stack: Stack) -> None:
    """A changed trigger runs `create` again and then `delete`."""
    arguments = "create='echo made >> log', delete='echo gone >> log', triggers=['{}']"
    stack.up(command(arguments.format("a")))
    stack.write(command(arguments.format("b")))
    assert stack.changes() == {"replace": 1}
    stack.up()
    assert (stack.directory / "log").read_text().split() == ["made", "made", "gone"]


def test_stdin_interpreter_and_directory(stack: Stack) -> None:
    """What the command runs with."""
    stack.up(
        command(
            "create='import sys, os; print(sys.stdin.read(), os.getcwd())', "
            "interpreter=['python3', '-c'], stdin='in', dir='/'"
        )
    )
    assert stack.outputs() == {"stdout": "in /"}


def test_logging_none_shows_nothing(stack: Stack) -> None:
    """But the output is still kept."""
    assert "quiet-word" not in stack.up(
        HEAD + "local.Command('one', create='echo quiet-$(echo word)', logging='none')\n"
    )
    assert stack.resource("one")["outputs"]["stdout"] == "quiet-word"


def test_secret_inputs_stay_encrypted(stack: Stack) -> None:
    """In inputs and outputs; `stdout` is the program's to mark, as with the official plugin."""
    secret = "environment={'P': pulumi.Output.secret('s3cr3t')}, stdin=pulumi.Output.secret('s3cr3t')"
    options = "opts=pulumi.ResourceOptions(additional_secret_outputs=['stdout'])"
    stack.up(command(f"create='cat; echo $P', logging='none', {secret}, {options}"))
    assert "s3cr3t" not in stack.exported()
    assert stack.outputs() == {"stdout": "s3cr3ts3cr3t"}


def test_failure_shows_the_command_and_its_output(stack: Stack) -> None:
    """And leaves nothing behind, so that the next `up` runs it again."""
    output = stack.up(HEAD + "local.Command('one', create='echo why >&2; exit 3')\n", ok=False)
    assert 'exit status 3: running "echo why >&2; exit 3":\n' in output
    assert "why" in output
    assert "command:local:Command" not in stack.exported()
    stack.up(HEAD + "local.Command('one', create='true')\n")


def test_failed_update_is_run_again(stack: Stack) -> None:
    """The state keeps the old inputs."""
    stack.up(command("create='true'"))
    stack.up(command("create='test -e ready'"), ok=False)
    assert stack.changes() == {"update": 1}
    (stack.directory / "ready").touch()
    stack.up()
    assert stack.changes() == {}


def test_unsupported_and_unknown_properties_are_refused(stack: Stack) -> None:
    """By name, before anything runs."""
    stack.write(HEAD + "local.Command('one', create='true', asset_paths=['*'])\n")
    assert "`assetPaths` is not supported by this stand-in plugin" in stack.pulumi("preview", ok=False)


def test_commands_run_side_by_side(stack: Stack, tmp_path: Path) -> None:
    """Eight commands of which none ends before all have begun."""
    wait = f"until [ $(ls {tmp_path}/here.* | wc -l) = 8 ]; do sleep 0.1; done"
    each = f"timeout 60 sh -c 'touch {tmp_path}/here.$0; {wait}' $$"
    stack.write(HEAD + f"for n in range(8):\n    local.Command(f'c{{n}}', create={each!r})\n")
    stack.up()


def test_interrupt_ends_the_command_and_what_it_started(stack: Stack) -> None:
    """Two interrupts end a run at once; the command's whole process group goes."""
    stack.write(HEAD + "local.Command('one', create='echo $$ > pid; sleep 300 & wait')\n")
    process = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=stack.directory,
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    marker = stack.directory / "pid"
    deadline = time.monotonic() + 20
    while not (marker.exists() and marker.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    group = marker.read_text().strip()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert process.wait(timeout=30) != 0
    # Killed processes stay as zombies until this machine's init has collected them.
    listed = subprocess.run(
        ["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    alive = [line for line in listed.splitlines() if line.split()[0] == group and "Z" not in line]
    assert alive == []

"""What a process prints."""

import subprocess


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read what it writes until it says so."""
    told = ""
    while text not in told:
        line = process.stdout.readline()
        assert line, told
        told += line
    return told

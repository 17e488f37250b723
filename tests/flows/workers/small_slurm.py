"""A queue of one machine that answers to the names of Slurm's commands, as far as submitit asks.

It runs the script that `sbatch` is given; options of the script mean nothing to it.
"""

from pathlib import Path

COMMANDS = {
    "sbatch": """
        id=$$
        export SLURM_JOB_ID=$id SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0
        export SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1
        if [ -e "$HERE/held" ]; then sleep 600 >/dev/null 2>&1 &
        else setsid sh "$1" >"$HERE/out.$id" 2>&1 &
        fi
        echo $! >"$HERE/$id"
        echo "Submitted batch job $id"
    """,
    "srun": """
        while case $1 in --output|--error) shift ;; --*) ;; *) false ;; esac; do shift; done
        exec "$@"
    """,
    "sacct": """
        echo "JobID|State|NodeList"
        for id in "$@"; do
            [ -e "$HERE/$id" ] || continue
            state=RUNNING
            [ -e "$HERE/held" ] && state=PENDING
            [ -e /proc/$(cat "$HERE/$id") ] || state=COMPLETED
            echo "$id|$state|here"
        done
    """,
    "scancel": """
        kill -9 -- -$(cat "$HERE/$1") 2>/dev/null || kill -9 $(cat "$HERE/$1")
        echo "$1" >>"$HERE/cancelled"
    """,
}


def install(folder: Path) -> None:
    """Put the commands into a folder; a file `held` in it keeps jobs waiting."""
    for name, script in COMMANDS.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\nHERE='{folder}'\n{script}")
        path.chmod(0o755)

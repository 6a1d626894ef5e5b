# Sourced by the scripts beside it. Runs a command as the tasks of the job; when a signal interrupted it (exit code 75, see
# slowfast_thermal/errors.py), the job goes back into the queue and continues from its checkpoint.
run_or_requeue() {
    srun --kill-on-bad-exit=1 "$@"
    code=$?
    if [ "$code" -eq 75 ]; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    return "$code"
}

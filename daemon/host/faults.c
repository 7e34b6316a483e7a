/* faults.c - a fault of memory that somebody can explain ends the process with a sentence and not
 * by a signal. Any other goes its way. */
#include "host.h"
#include "host_internal.h"

#include <signal.h>
#include <unistd.h>

/* What a handler may know: it is given nothing, and may ask nobody. Set once, before any thread. */
static struct {
    host_explains *explains;
    int status;
    char line[HOST_LOG_LINE_BYTES];
    size_t size;
} fault;

static void take_fault(int signal_number, siginfo_t *info, void *context)
{
    bool has_address = signal_number != SIGABRT;

    (void)context;
    if (fault.explains(has_address ? info->si_addr : NULL)) {
        (void)!write(STDERR_FILENO, fault.line, fault.size); /* nothing is left to do if it fails */
        _exit(fault.status);
    }
    (void)signal(signal_number, SIG_DFL); /* what faulted is tried again, and ends the process */
}

void host_faults_explain(host_explains *explains, int status, const char *sentence)
{
    static const int numbers[] = { SIGSEGV, SIGBUS, SIGABRT };
    struct sigaction action = { .sa_sigaction = take_fault, .sa_flags = SA_SIGINFO };

    fault.explains = explains;
    fault.status = status;
    fault.size = host_line(fault.line, HOST_ERROR, "%s", sentence);
    (void)sigemptyset(&action.sa_mask); /* these two cannot fail for signals that exist */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
}

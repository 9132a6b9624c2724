// stand STORAGE COUNT: one process for each node, with the command line of a node in STORAGE/antnode0001 and so on.
// Prints `ready`, and ends them with its stdin.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (strcmp(argv[0], "antnode") == 0) {
        for (;;) pause();
    }
    if (argc != 3) return 2;
    for (int number = 1; number <= atoi(argv[2]); number++) {
        pid_t child = fork();
        if (child < 0) return 1;
        if (child == 0) {
            char root[4096];
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(0);
            close(1);
            snprintf(root, sizeof root, "%s/antnode%04d", argv[1], number);
            execl("/proc/self/exe", "antnode", "--port", "1", "--root-dir", root, "--local", (char *)0);
            _exit(1);
        }
    }
    puts("ready");
    fflush(stdout);
    for (char c; read(0, &c, 1) > 0;) {
    }
    return 0;
}

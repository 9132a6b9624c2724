/* Measures the minimum cost of querying N nodes: one connection for each node, GET /metadata and then GET /metrics,
 * with both responses read completely and discarded. The cost of a survey is given as a multiple of this.
 *
 *     cc -O2 -o limit limit.c && ./limit NODES FIRST_PORT IN_FLIGHT
 *
 * A thousand nodes are on each of 127.77.0.1, 127.77.0.2 and so on, as in `fleet`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 64 * 1024 };

struct talk {
    int socket, page;
    size_t got, whole; /* whole: 0 until the headers are read */
    char text[ROOM];
};

static const char *const requests[] = {
    "GET /metadata HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
};

static void ask(struct talk *talk, int page) {
    talk->page = page;
    talk->got = talk->whole = 0;
    if (write(talk->socket, requests[page], strlen(requests[page])) < 0) perror("write"), exit(1);
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: limit NODES FIRST_PORT IN_FLIGHT\n"), 2;
    int nodes = atoi(words[1]), first = atoi(words[2]), most = atoi(words[3]);
    int watch = epoll_create1(0), asked = 0, done = 0, idle_count = 0;
    long bytes = 0;
    struct talk *talks = calloc(most, sizeof *talks), **idle = calloc(most, sizeof *idle);
    for (int i = 0; i < most; i++) idle[idle_count++] = &talks[i];
    while (done < nodes) {
        while (idle_count && asked < nodes) {
            struct talk *talk = idle[--idle_count];
            struct sockaddr_in node = {.sin_family = AF_INET, .sin_port = htons(first + asked % 1000)};
            node.sin_addr.s_addr = htonl(0x7f4d0001 + asked++ / 1000);
            talk->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            connect(talk->socket, (struct sockaddr *)&node, sizeof node);
            struct epoll_event wish = {.events = EPOLLOUT, .data.ptr = talk};
            epoll_ctl(watch, EPOLL_CTL_ADD, talk->socket, &wish);
        }
        struct epoll_event events[256];
        int ready = epoll_wait(watch, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            struct talk *talk = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                ask(talk, 0);
                struct epoll_event wish = {.events = EPOLLIN, .data.ptr = talk};
                epoll_ctl(watch, EPOLL_CTL_MOD, talk->socket, &wish);
                continue;
            }
            ssize_t read_now = read(talk->socket, talk->text + talk->got, ROOM - 1 - talk->got);
            if (read_now > 0) {
                bytes += read_now;
                talk->got += read_now;
                talk->text[talk->got] = 0;
                if (!talk->whole) {
                    char *body = strstr(talk->text, "\r\n\r\n"), *length = strcasestr(talk->text, "content-length:");
                    if (body && length) talk->whole = body + 4 - talk->text + atol(length + 15);
                }
                if (!talk->whole || talk->got < talk->whole) continue;
                if (talk->page == 0) {
                    ask(talk, 1);
                    continue;
                }
            }
            close(talk->socket);
            idle[idle_count++] = talk;
            done++;
        }
    }
    printf("%d nodes, %ld bytes\n", done, bytes);
}

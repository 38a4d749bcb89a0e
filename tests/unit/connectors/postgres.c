#include "postgres.h"
#include "base/bytes.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct postgres {
    char folder[64], bin[128], connection[160];
    pid_t watchdog;
    int lifeline;
};

static int run(const char *const argv[], const char *log)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        if (chdir("/") == 0)
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* pg_ctl and initdb refuse root: they run as postgres then. */
static int run_as_postgres(struct postgres *p, const char *tool, const char *arguments)
{
    char command[512], log[96];
    snprintf(command, sizeof command, "exec %s/%s %s", p->bin, tool, arguments);
    snprintf(log, sizeof log, "%s/tools.log", p->folder);
    const char *const as_root[] = {"runuser", "-u", "postgres", "--", "sh", "-c", command, NULL};
    return run(geteuid() == 0 ? as_root : as_root + 4, log);
}

static int server(struct postgres *p, const char *verb)
{
    char arguments[400];
    snprintf(arguments, sizeof arguments, "%s -w -t 60 -D %s/data -l %s/data/server.log -m immediate", verb,
             p->folder, p->folder);
    if (strcmp(verb, "start") == 0)
        snprintf(arguments, sizeof arguments, "start -w -t 60 -D %s/data -l %s/data/server.log", p->folder,
                 p->folder);
    return run_as_postgres(p, "pg_ctl", arguments);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

/* Its own process: it outlives a crash of the test and sees the lifeline close. */
static pid_t start_watchdog(struct postgres *p, int read_end, int write_end)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    char byte;
    setsid();
    close(write_end);
    while (read(read_end, &byte, 1) < 0 && errno == EINTR)
        continue;
    server(p, "stop");
    nftw(p->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    _exit(0);
}

static bool find_bin(struct postgres *p)
{
    glob_t found = {0};
    bool good = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc > 0;

    if (good)
        snprintf(p->bin, sizeof p->bin, "%.*s",
                 (int)(strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb")),
                 found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return good;
}

struct postgres *postgres_start(void)
{
    struct postgres *p = calloc(1, sizeof *p);
    int ends[2];
    char arguments[400], path[128];

    strcpy(p->folder, "/tmp/wasl-pg-XXXXXX");
    if (!find_bin(p) || mkdtemp(p->folder) == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        fprintf(stderr, "no PostgreSQL (package postgresql), or no temporary folder\n");
        free(p);
        return NULL;
    }
    p->lifeline = ends[1];
    p->watchdog = start_watchdog(p, ends[0], ends[1]);
    close(ends[0]);
    const struct passwd *user = getpwnam("postgres");
    if (geteuid() == 0 && (user == NULL || chown(p->folder, user->pw_uid, user->pw_gid) != 0))
        goto failed;
    snprintf(arguments, sizeof arguments,
             "-D %s/data -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync", p->folder);
    if (run_as_postgres(p, "initdb", arguments) != 0)
        goto failed;
    /* The most talkative log there is: what must not be in it must not be in it now. */
    snprintf(path, sizeof path, "%s/data/postgresql.conf", p->folder);
    FILE *conf = fopen(path, "a");
    if (conf == NULL)
        goto failed;
    fprintf(conf,
            "listen_addresses = ''\nunix_socket_directories = '%s'\nfsync = off\nshared_buffers = '16MB'\n"
            "max_connections = 20\nlog_statement = 'all'\nlog_min_duration_statement = "
            "0\nlog_error_verbosity = verbose\n"
            "log_parameter_max_length = -1\nlog_parameter_max_length_on_error = -1\n",
            p->folder);
    fclose(conf);
    if (server(p, "start") != 0)
        goto failed;
    snprintf(p->connection, sizeof p->connection, "host=%s dbname=postgres user=postgres", p->folder);
    return p;

failed:
    fprintf(stderr, "PostgreSQL did not start in %s\n", p->folder);
    postgres_stop(p);
    return NULL;
}

void postgres_stop(struct postgres *p)
{
    if (p == NULL)
        return;
    close(p->lifeline);
    waitpid(p->watchdog, NULL, 0);
    free(p);
}

const char *postgres_connection(const struct postgres *p)
{
    return p->connection;
}

void postgres_execute(const struct postgres *p, const char *sql)
{
    PGconn *conn = PQconnectdb(p->connection);
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        abort();
    }
    PQclear(result);
    PQfinish(conn);
}

void postgres_end(struct postgres *p)
{
    BUG_ON(server(p, "stop") != 0);
}

void postgres_begin(struct postgres *p)
{
    BUG_ON(server(p, "start") != 0);
}

bool postgres_log_holds(const struct postgres *p, const char *text)
{
    char path[128];
    struct buffer log = {0};
    struct error e;

    snprintf(path, sizeof path, "%s/data/server.log", p->folder);
    BUG_ON(file_read(path, 64 << 20, &log, &e) != 0);
    bool found = memmem(log.data, log.len, text, strlen(text)) != NULL;
    buffer_free(&log);
    return found;
}

// The C side of message queues, semaphores and signals, driven by its arguments. Each
// command prints a line when it is ready or done.
//
//   ipc_peer mqsend NAME COUNT           messages "0".."COUNT-1", priority i % 3
//   ipc_peer mqrecv NAME COUNT           prints "PRIORITY TEXT" for each
//   ipc_peer msgsend ID COUNT            messages "0".."COUNT-1", type 1 + i % 3
//   ipc_peer msgrecv ID COUNT TYPE       prints "TYPE TEXT" for each
//   ipc_peer ftok PATH PROJ
//   ipc_peer sempost NAME COUNT          sem_open, no O_CREAT
//   ipc_peer semwait NAME COUNT
//   ipc_peer semmake NAME VALUE
//   ipc_peer svpost ID COUNT
//   ipc_peer svwait ID COUNT
//   ipc_peer sigqueue PID SIGNAL COUNT   values 0..COUNT-1, and waits where the queue is full
//   ipc_peer sigwait SIGNAL COUNT        prints "SIGNAL CODE PID VALUE" for each
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <unistd.h>

static void die(const char *what) {
	perror(what);
	exit(1);
}

struct text {
	long type;
	char text[8192];
};

static void mq(const char *cmd, const char *name, long n) {
	mqd_t q = mq_open(name, cmd[2] == 's' ? O_WRONLY : O_RDONLY);
	struct mq_attr a;
	if (q == (mqd_t)-1 || mq_getattr(q, &a) != 0)
		die(name);
	char *b = malloc(a.mq_msgsize + 1);
	for (long i = 0; i < n; i++) {
		if (cmd[2] == 's') {
			int k = sprintf(b, "%ld", i);
			if (mq_send(q, b, k, i % 3) != 0)
				die("mq_send");
			continue;
		}
		unsigned priority;
		ssize_t k = mq_receive(q, b, a.mq_msgsize, &priority);
		if (k < 0)
			die("mq_receive");
		printf("%u %.*s\n", priority, (int)k, b);
	}
}

static void msg(const char *cmd, int id, long n, long type) {
	static struct text t;
	for (long i = 0; i < n; i++) {
		if (cmd[3] == 's') {
			t.type = 1 + i % 3;
			int k = sprintf(t.text, "%ld", i);
			if (msgsnd(id, &t, k, 0) != 0)
				die("msgsnd");
			continue;
		}
		ssize_t k = msgrcv(id, &t, sizeof t.text, type, 0);
		if (k < 0)
			die("msgrcv");
		printf("%ld %.*s\n", t.type, (int)k, t.text);
	}
}

static void sem(const char *cmd, const char *name, long n) {
	int make = strcmp(cmd, "semmake") == 0;
	sem_t *s = make ? sem_open(name, O_CREAT | O_EXCL, 0600, (unsigned)n) : sem_open(name, 0);
	if (s == SEM_FAILED)
		die(name);
	for (long i = 0; i < n && !make; i++)
		if ((cmd[3] == 'p' ? sem_post(s) : sem_wait(s)) != 0)
			die(cmd);
}

static void sv(const char *cmd, int id, long n) {
	struct sembuf op = {0, cmd[2] == 'p' ? 1 : -1, 0};
	for (long i = 0; i < n;)
		if (semop(id, &op, 1) == 0)
			i++;
		else if (errno == ERANGE) // at its maximum
			usleep(100);
		else
			die("semop");
}

static void sigq(pid_t pid, int signal, long n) {
	for (long i = 0; i < n; i++) {
		union sigval v = {.sival_ptr = (void *)i};
		while (sigqueue(pid, signal, v) != 0)
			if (errno != EAGAIN)
				die("sigqueue");
			else
				usleep(100);
	}
}

static void sigw(int signal, long n) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	for (long i = 0; i < n; i++) {
		siginfo_t info;
		while (sigwaitinfo(&set, &info) < 0)
			if (errno != EINTR) // by SIGCONT
				die("sigwaitinfo");
		printf("%d %d %d %ld\n", info.si_signo, info.si_code, info.si_pid, (long)info.si_value.sival_ptr);
	}
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		return 2;
	const char *cmd = argv[1];
	long n = atol(argv[3]);
	if (strncmp(cmd, "mq", 2) == 0)
		mq(cmd, argv[2], n);
	else if (strncmp(cmd, "msg", 3) == 0)
		msg(cmd, atoi(argv[2]), n, argc > 4 ? atol(argv[4]) : 0);
	else if (strcmp(cmd, "ftok") == 0)
		printf("%d\n", ftok(argv[2], n));
	else if (strncmp(cmd, "sem", 3) == 0)
		sem(cmd, argv[2], n);
	else if (strncmp(cmd, "sv", 2) == 0)
		sv(cmd, atoi(argv[2]), n);
	else if (strcmp(cmd, "sigqueue") == 0 && argc > 4)
		sigq(atoi(argv[2]), n, atol(argv[4]));
	else if (strcmp(cmd, "sigwait") == 0)
		sigw(atoi(argv[2]), n);
	else
		return 2;
	puts("done");
	return 0;
}

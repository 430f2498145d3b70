// A user of glibc's process-shared semaphores, driven by its arguments:
//
//   sem_peer FILE init OFFSET VALUE
//   sem_peer FILE post OFFSET COUNT
//   sem_peer FILE wait OFFSET COUNT
//   sem_peer FILE trywait OFFSET
//   sem_peer FILE timedwait OFFSET MILLISECONDS
//   sem_peer FILE value OFFSET
//   sem_peer FILE pingpong OFFSET_WAITED OFFSET_POSTED COUNT
//   sem_peer NAME opened COUNT           (sem_open of what is there, then sem_post COUNT times)
//   sem_peer NAME named COUNT            (sem_open, then sem_wait COUNT times)
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
	perror(what);
	exit(1);
}

static void wait_on(sem_t *s) {
	while (sem_wait(s) != 0)
		if (errno != EINTR)
			die("sem_wait");
}

static void post_to(sem_t *s) {
	if (sem_post(s) != 0)
		die("sem_post");
}

static void named(const char *name, long count) {
	sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	if (s == SEM_FAILED)
		die("sem_open");
	for (long i = 0; i < count; i++)
		wait_on(s);
	printf("waited %ld\n", count);
}

static void timed_wait(sem_t *s, long ms) {
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	while (sem_timedwait(s, &end) != 0) {
		if (errno == ETIMEDOUT) {
			puts("ETIMEDOUT");
			return;
		}
		if (errno != EINTR)
			die("sem_timedwait");
	}
	puts("acquired");
}

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	const char *cmd = argv[2];
	if (strcmp(cmd, "opened") == 0) {
		sem_t *s = sem_open(argv[1], 0);
		if (s == SEM_FAILED)
			die("sem_open");
		for (long i = 0; i < atol(argv[3]); i++)
			post_to(s);
		printf("posted %s\n", argv[3]);
		return 0;
	}
	if (strcmp(cmd, "named") == 0) {
		named(argv[1], atol(argv[3]));
		return 0;
	}

	int fd = open(argv[1], O_RDWR);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		die(argv[1]);
	char *base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		die("mmap");
	sem_t *s = (sem_t *)(base + atol(argv[3]));
	long n = argc > 4 ? atol(argv[4]) : 0;

	if (strcmp(cmd, "init") == 0) {
		if (sem_init(s, 1, n) != 0)
			die("sem_init");
		puts("initialised");
	} else if (strcmp(cmd, "post") == 0) {
		for (long i = 0; i < n; i++)
			post_to(s);
		printf("posted %ld\n", n);
	} else if (strcmp(cmd, "wait") == 0) {
		for (long i = 0; i < n; i++)
			wait_on(s);
		printf("waited %ld\n", n);
	} else if (strcmp(cmd, "trywait") == 0) {
		if (sem_trywait(s) == 0)
			puts("acquired");
		else if (errno == EAGAIN)
			puts("EAGAIN");
		else
			die("sem_trywait");
	} else if (strcmp(cmd, "timedwait") == 0) {
		timed_wait(s, n);
	} else if (strcmp(cmd, "value") == 0) {
		int value;
		if (sem_getvalue(s, &value) != 0)
			die("sem_getvalue");
		printf("value %d waiters %u\n", value, ((uint32_t *)s)[1]);
	} else if (strcmp(cmd, "pingpong") == 0 && argc == 6) {
		sem_t *theirs = (sem_t *)(base + n);
		n = atol(argv[5]);
		for (long i = 0; i < n; i++) {
			wait_on(s);
			post_to(theirs);
		}
		printf("answered %ld\n", n);
	} else {
		return 2;
	}
	return 0;
}

/* A program that uses the C library's types, some of which the kernel has too. */
#define _GNU_SOURCE
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

typedef unsigned int u32;
typedef unsigned long u64; /* The kernel's is unsigned long long. */
typedef unsigned long dev_t_of_ours;

struct file { int fd; u64 position; };            /* the kernel's is another */
struct list_head { struct list_head *next; int n; };
enum state { IDLE, BUSY, TASK_COMM_LEN = 99 };    /* an enumerator of the kernel's too */

struct app {
	FILE *log;
	struct timespec started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct sockaddr_in peer;
	struct sockaddr_storage any_peer;
	struct stat status;
	sigset_t signals;
	struct sigaction handler;
	size_t size;
	bool on;
	long double precise;
	_Complex double complex_number;
	va_list arguments;
	struct file file;
	struct list_head list;
	enum state state;
	dev_t device;
	long double (*function)(long double, struct file);
	__int128 huge;
	u32 level : 7;
};
struct app app;

/*
 * Throughput and round trips over anything that passes whole messages and waits
 * by itself. The including file defines, with HAS_SIDES as pingpong.h has it,
 *
 *   static void setup(const struct options *);   before there are two processes
 *   static void open_side(int me);               connects; both sides do so at once
 *   static void send_message(int me, uint64_t seq);      stamped with payload_stamp
 *   static uint64_t receive_message(int me, uint64_t seq);   as checked() returns it
 *   static void close_side(int me);              delivers what was sent
 *
 * Side 0 sends or pings, side 1 receives or answers.
 */
static void ping_send(uint64_t seq) { send_message(0, seq); }
static uint64_t ping_wait(uint64_t seq) { return receive_message(0, seq); }
static uint64_t pong_wait(uint64_t seq) { return receive_message(1, seq); }
static void pong_send(uint64_t seq) { send_message(1, seq); }

#define main pingpong_main
#include "pingpong.h"
#undef main

/* How many messages pass between two looks at the page. */
static uint64_t look_of(const struct options *o)
{
	long n = (64 << 10) / o->size;
	return (uint64_t)(n < 1 ? 1 : n > 1024 ? 1024 : n);
}

static void run_sender(const struct options *o)
{
	const uint64_t look = look_of(o);
	uint64_t seq = 0, cpu0 = 0;
	pin(o->cpu[0]);
	open_side(0);
	meet();
	for (int p; (p = phase()) != PHASE_STOP;) {
		if (p == PHASE_MEASURE && !cpu0)
			cpu0 = cpu_ns();
		for (const uint64_t until = seq + look; seq < until; seq++)
			send_message(0, seq);
	}
	send_message(0, STOP_SEQ);
	meet();
	close_side(0);
	child_done(seq, cpu0);
}

static int run_receiver(const struct options *o, pid_t child)
{
	const uint64_t look = look_of(o);
	struct window w = {0, 0, 0, 0};
	uint64_t seq = 0;
	pin(o->cpu[1]);
	open_side(1);
	meet();
	start_timer(o);
	for (;; seq++) {
		if (seq % look == 0 && !w.open && phase() == PHASE_MEASURE)
			window_open(&w, seq);
		if (receive_message(1, seq) == STOP_SEQ)
			break;
	}
	uint64_t end = now_ns();
	meet();
	close_side(1);
	return finish(&w, seq, end, child);
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	if (!o.throughput)
		return pingpong_main(argc, argv);
	setup(&o);
	pid_t child = start_other();
	if (child == 0)
		run_sender(&o);
	return run_receiver(&o, child);
}

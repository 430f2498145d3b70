/*
 * The two loops of a round trip. The including file defines
 *
 *   static void setup(const struct options *);
 *   static void ping_send(uint64_t seq);   static uint64_t ping_wait(uint64_t seq);
 *   static uint64_t pong_wait(uint64_t seq);   static void pong_send(uint64_t seq);
 *
 * where each wait returns the number that came, expecting seq. STOP_SEQ ends
 * the exchange. With HAS_SIDES it also defines, for side 0, the pinger, and 1,
 *
 *   static void open_side(int me);   static void close_side(int me);
 *
 * which run in the side's own process, pinned, before the first message and once
 * both sides have had the last one: who hangs up after sending it may lose it.
 */
#ifndef HAS_SIDES
static void open_side(int me) { (void)me; }
static void close_side(int me) { (void)me; }
#endif

static int run_pinger(const struct options *o, pid_t child)
{
	struct window w = {0, 0, 0, 0};
	uint64_t seq = 1; /* 0 is what fresh memory holds */
	pin(o->cpu[0]);
	open_side(0);
	meet();
	start_timer(o);
	for (;; seq++) {
		int p = phase();
		if (p == PHASE_STOP)
			break;
		if (!w.open && p == PHASE_MEASURE)
			window_open(&w, seq - 1);
		uint64_t start = now_ns();
		ping_send(seq);
		uint64_t found = ping_wait(seq);
		hist_add(&delays, now_ns() - start);
		if (found != seq) {
			signal(SIGCHLD, SIG_DFL);
			kill(child, SIGKILL);
			out_of_sequence(seq, found);
		}
	}
	uint64_t end = now_ns();
	if (!w.open)
		hist_reset(&delays);
	ping_send(STOP_SEQ);
	meet();
	close_side(0);
	return finish(&w, seq - 1, end, child);
}

static void run_ponger(const struct options *o)
{
	uint64_t cpu0 = 0;
	pin(o->cpu[1]);
	open_side(1);
	meet();
	for (uint64_t seq = 1;; seq++) {
		uint64_t found = pong_wait(seq);
		if (!cpu0 && phase() == PHASE_MEASURE)
			cpu0 = cpu_ns();
		if (found == STOP_SEQ) {
			meet();
			close_side(1);
			child_done(seq - 1, cpu0);
		}
		if (found != seq)
			out_of_sequence(seq, found);
		pong_send(seq);
	}
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	setup(&o);
	pid_t child = start_other();
	if (child == 0)
		run_ponger(&o);
	return run_pinger(&o, child);
}

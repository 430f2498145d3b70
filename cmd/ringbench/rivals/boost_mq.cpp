/*
 * boost::interprocess::message_queue between two pinned processes: one queue for
 * each direction, blocking send and receive.
 *
 *   g++ -std=c++17 -O3 -march=native -pthread -o boost_mq boost_mq.cpp -lrt
 *   ./boost_mq --mode throughput --duration 1000 --warm-up 100 --cpus 0,1 --size 64
 *
 * Every message has the same priority, so that the queue stays in order and puts each
 * at its end; it holds as many as the capacity has room for. A full queue blocks
 * the sender and an empty one the receiver, as the documentation's example has it:
 * on a mutex and conditions in the shared memory, which are the queue's own and
 * leave no choice of spinning. send copies in, receive copies out. The name of a
 * queue is removed before there are two processes, which both inherit the memory.
 */
#define HAS_SIDES
#include "rival.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>
#include <vector>

using boost::interprocess::message_queue;

static message_queue *queues[2]; /* there, back */
static payload content;
static std::vector<char> out, in;

static message_queue *make_queue(const options *o, const char *suffix)
{
	const char *base = strrchr(o->dir, '/');
	std::string name = std::string(base ? base + 1 : o->dir) + "_" + std::to_string(getpid()) + suffix;
	long most = o->capacity / o->size;
	try {
		message_queue *q = new message_queue(boost::interprocess::create_only, name.c_str(), most < 1 ? 1 : (size_t)most, (size_t)o->size);
		message_queue::remove(name.c_str());
		return q;
	} catch (const std::exception &e) {
		message_queue::remove(name.c_str());
		fprintf(stderr, "message_queue: %s\n", e.what());
		exit(1);
	}
}

static void setup(const options *o)
{
	out.resize((size_t)o->size);
	in.resize((size_t)o->size);
	content = payload_of(o->sealed, o->spoil, out.data(), out.size());
	queues[0] = make_queue(o, "_there");
	queues[1] = make_queue(o, "_back");
}

static void open_side(int) {}
static void close_side(int) {}

static void send_message(int me, uint64_t seq)
{
	payload_stamp(&content, out.data(), out.size(), seq);
	queues[me]->send(out.data(), out.size(), 0);
	payload_mend(&content, out.data(), out.size(), seq);
}

static uint64_t receive_message(int me, uint64_t seq)
{
	size_t n;
	unsigned priority;
	queues[1 - me]->receive(in.data(), in.size(), n, priority);
	if (n != in.size())
		out_of_sequence(in.size(), n);
	return checked(&content, in.data(), n, seq);
}

#include "link.h"

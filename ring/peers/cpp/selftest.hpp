// What the parts of selftest.cpp have in common, and what they check.
#ifndef ANNULUS_SELFTEST_HPP
#define ANNULUS_SELFTEST_HPP

#include "annulus.hpp"

#include <cstdio>
#include <deque>
#include <list>
#include <thread>

namespace an = annulus;
using namespace std::chrono_literals;

inline int failures, pairs;

#define CHECK(...)                                                             \
	do {                                                                   \
		if (!(__VA_ARGS__)) {                                          \
			std::printf("%s:%d: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
			failures++;                                            \
		}                                                              \
	} while (0)

// fails tells whether a call throws that error, with its text first in the line.
template <class F> bool fails(an::errc code, F call)
{
	try {
		call();
	} catch (const an::error &e) {
		bool ok = e.code() == code && std::string_view(e.what()).starts_with(e.code().message());
		if (!ok)
			std::printf("error %d: %s\n", e.code().value(), e.what());
		return ok;
	}
	return false;
}

// pair is a ring in a file, which goes with it, and both its ends.
struct pair {
	std::string path;
	an::ring ring;
	an::producer p;
	an::consumer c;

	pair(const std::string &dir, const an::config &config, bool attach = true)
	    : path(dir + "/selftest-" + std::to_string(getpid()) + "-" + std::to_string(++pairs)), ring(an::ring::create_file(path, config))
	{
		if (!attach)
			return;
		p = ring.producer();
		c = ring.consumer();
	}
	~pair() { an::ring::remove_file(path); }

	// got receives what is there.
	std::vector<std::string> got()
	{
		std::vector<std::string> all;
		for (std::string s; c.try_recv(s);)
			all.push_back(s);
		return all;
	}
};

using strings = std::vector<std::string>;

inline const an::config small{.capacity = 4096};
inline const an::config slots{.kind = an::kind::slots, .capacity = 4, .slot_size = 8};
inline const an::config many{.topology = an::topology::mpmc, .capacity = 8, .slot_size = 24, .members = 6};

void test_errors(const std::string &dir);
void test_sending(const std::string &dir);
void test_reservations(const std::string &dir);
void test_receiving(const std::string &dir);
void test_batches(const std::string &dir);
void test_ranges(const std::string &dir);
void test_lifetimes(const std::string &dir);
void test_waits(const std::string &dir);
void test_typed(const std::string &dir);
void test_many(const std::string &dir);
void test_topologies(const std::string &dir);
void test_broadcast(const std::string &dir);
void test_cells(const std::string &dir);

#endif

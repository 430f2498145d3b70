// display NAME: shows the readings that come through a ring, until their sender has closed it or
// the program is interrupted.
#include "reading.hpp"

#include <csignal>
#include <cstdio>
#include <iostream>

namespace {
annulus::consumer *waiting;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::cerr << "usage: display NAME\n";
		return 2;
	}
	try {
		auto ring = annulus::ring::open_or_create(argv[1], annulus::slots_of<reading>(1024));
		auto in = ring.consumer_of<reading>();
		waiting = &in.base();
		std::signal(SIGINT, [](int) { waiting->cancel(); }); // it may come from a signal handler
		while (auto r = in.peek())
			std::printf("%llu: %.2f degrees at %d,%d\n", static_cast<unsigned long long>(r->number), r->celsius, r->place[0], r->place[1]);
		std::signal(SIGINT, SIG_DFL);
		std::puts(in.ended() ? "the end" : "interrupted");
	} catch (const std::exception &e) {
		std::cerr << "display: " << e.what() << '\n';
		return 1;
	}
}

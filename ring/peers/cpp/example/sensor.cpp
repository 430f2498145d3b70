// sensor NAME COUNT: sends so many readings through a ring of typed slots, which it makes if
// there is none.
#include "reading.hpp"

#include <cmath>
#include <cstdlib>
#include <iostream>

int main(int argc, char **argv)
{
	if (argc != 3) {
		std::cerr << "usage: sensor NAME COUNT\n";
		return 2;
	}
	try {
		auto ring = annulus::ring::open_or_create(argv[1], annulus::slots_of<reading>(1024));
		auto out = ring.producer_of<reading>();
		for (std::uint64_t n = 0, count = std::strtoull(argv[2], nullptr, 10); n < count; n++) {
			auto slot = out.reserve(); // written where it is read: no copy
			*slot = {.number = n, .celsius = 20 + std::sin(0.1 * static_cast<double>(n)), .place = {1, -1}};
			slot.commit();
		}
		out.base().detach();
	} catch (const std::exception &e) {
		std::cerr << "sensor: " << e.what() << '\n';
		return 1;
	}
}

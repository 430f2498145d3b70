// What the sensor sends to the display. In Go:
//
//	type Reading struct {
//		Number uint64
//		Celsius float64
//		Place [2]int32
//	}
#ifndef EXAMPLE_READING_HPP
#define EXAMPLE_READING_HPP

#include <annulus.hpp>

struct reading {
	std::uint64_t number;
	double celsius;
	std::int32_t place[2];
};
ANNULUS_ELEMENT(reading, number, celsius, place)

#endif

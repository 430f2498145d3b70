// selftest DIR: what the C++ headers check of themselves, on rings in files of DIR. It prints
// ok, or the lines that failed. selftest --fingerprints prints those of some types, for Go.
#include "selftest.hpp"

#include <cinttypes>

static_assert(std::ranges::input_range<an::messages>);
static_assert(!std::is_copy_constructible_v<an::producer> && std::is_nothrow_move_constructible_v<an::producer>);
static_assert(!std::is_copy_constructible_v<an::consumer> && std::is_nothrow_move_assignable_v<an::consumer>);
static_assert(!std::is_copy_constructible_v<an::message> && !std::is_copy_constructible_v<an::reservation>);
static_assert(an::shareable<double> && !an::shareable<int *> && !an::shareable<std::string> && !an::shareable<long double>);
static_assert(std::is_convertible_v<std::vector<std::byte> &, an::payload> && std::is_convertible_v<const char (&)[3], an::payload>);
static_assert(std::is_convertible_v<std::array<unsigned char, 3> &, an::payload> && std::is_convertible_v<std::string, an::payload>);
static_assert(std::is_convertible_v<std::vector<char> &, an::payload> && !std::is_convertible_v<std::vector<int> &, an::payload>);

// Go's TestCPPFingerprints has the same types.
struct point {
	double x, y;
};
struct reading {
	std::uint64_t when;
	std::int32_t sensor;
	bool valid;
	std::array<point, 3> path;
	std::complex<float> z;
	std::uint8_t raw[5];
};
ANNULUS_ELEMENT(point, x, y)
ANNULUS_ELEMENT(reading, when, sensor, valid, path, z, raw)
static_assert(an::fingerprint<point>() != 0 && an::fingerprint<std::string>() == 0);

static void print_fingerprints()
{
	std::printf("%#" PRIx64 "\n", an::fingerprint<std::int64_t>());
	std::printf("%#" PRIx64 "\n", an::fingerprint<float>());
	std::printf("%#" PRIx64 "\n", an::fingerprint<std::uint8_t[300]>());
	std::printf("%#" PRIx64 "\n", an::fingerprint<point>());
	std::printf("%#" PRIx64 "\n", an::fingerprint<reading>());
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (std::string_view(argv[1]) == "--fingerprints")
		return print_fingerprints(), 0;
	try {
		test_errors(argv[1]);
		test_sending(argv[1]);
		test_reservations(argv[1]);
		test_receiving(argv[1]);
		test_batches(argv[1]);
		test_ranges(argv[1]);
		test_lifetimes(argv[1]);
		test_waits(argv[1]);
		test_typed(argv[1]);
		test_many(argv[1]);
		test_topologies(argv[1]);
		test_broadcast(argv[1]);
		test_cells(argv[1]);
	} catch (const std::exception &e) {
		std::printf("unexpected: %s\n", e.what());
		return 1;
	}
	if (failures == 0)
		std::puts("ok");
	return failures != 0;
}

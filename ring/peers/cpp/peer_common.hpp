// What the commands of peer have in common.
#ifndef ANNULUS_PEER_COMMON_HPP
#define ANNULUS_PEER_COMMON_HPP

#include "annulus.hpp"

#define annulus annulus_handle // what C calls its handle
#include "peer_dump.h"
#undef annulus

#include <csignal>
#include <iostream>
#include <map>

#include "peer_options.hpp"

namespace an = annulus;

// failed is an error in the words of the contract, where the library has none.
struct failed : std::runtime_error {
	using std::runtime_error::runtime_error;
};

// doing is what the line of an error begins with.
inline const char *doing = "open";

inline void say(const std::string &line) { std::cout << line << std::endl; }

inline void wait_for_end()
{
	while (std::cin.get() != EOF)
		;
}

// over throws for a call that gave nothing.
[[noreturn]] inline void over(an::errc status) { throw an::error(status); }

inline std::string hexadecimal(std::span<const std::byte> b)
{
	std::string s;
	for (std::byte x : b)
		for (int shift : {4, 0})
			s += "0123456789abcdef"[static_cast<unsigned>(x) >> shift & 15];
	return s;
}

// receiver checks messages and counts them.
class receiver {
public:
	explicit receiver(const options &o) : o_(o) {}

	void check(an::message_view m)
	{
		std::uint64_t seq = o_.start + done + lost;
		if (o_.any && m.size() >= PAYLOAD_REST) {
			std::memcpy(&seq, m.data(), sizeof(seq));
			mix += payload_mix(seq);
			redelivered += m.redelivered() > 0;
		}
		if (o_.per_sender > 0) {
			std::uint64_t k = seq / o_.per_sender;
			auto at = next_.try_emplace(k, k * o_.per_sender).first;
			if (at->second++ != seq)
				throw failed("message " + std::to_string(seq) + ": out of order");
		}
		for (std::uint64_t k = 0; k < o_.checks; k++) {
			const char *wrong = payload_check(&o_.messages, seq, reinterpret_cast<const std::uint8_t *>(m.data()), m.size());
			if (wrong != nullptr)
				throw failed("message " + std::to_string(seq) + " of " + std::to_string(m.size()) + " bytes: wrong " + wrong);
		}
		done++;
		if (o_.hold) {
			say("held " + std::to_string(seq));
			wait_for_end();
		}
	}

	std::uint64_t done = 0, mix = 0, redelivered = 0;
	std::uint64_t lost = 0; // in overruns, before the message that is checked

private:
	const options &o_;
	std::map<std::uint64_t, std::uint64_t> next_; // of each sender
};

#endif

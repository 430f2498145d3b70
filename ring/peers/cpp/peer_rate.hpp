// peer rate: bare messages, for the speed of it. ../PROGRAM.md says what it does.
#ifndef ANNULUS_PEER_RATE_HPP
#define ANNULUS_PEER_RATE_HPP

#include "peer_common.hpp"

inline void rate_send(const an::ring &r, const options &o)
{
	doing = "attach";
	an::producer p = r.producer({.wait = o.wait});
	if (o.announce)
		say("attached");
	doing = "send";
	std::vector<std::byte> msg(o.messages.max);
	for (std::uint64_t seq = 0; seq < o.warm + o.count; seq++) {
		std::memcpy(msg.data(), &seq, sizeof(seq));
		if (!p.send(msg, o.limit()))
			over(p.status());
	}
	p.detach();
	say("sent " + std::to_string(o.count) + " ok");
}

// rate_receive receives messages up to number end, and checks their numbers.
inline void rate_receive(an::consumer &c, const options &o, std::span<std::byte> buf, std::uint64_t &seq, std::uint64_t end)
{
	const an::until limit = o.limit();
	for (; seq < end; seq++) {
		std::optional<std::size_t> n = c.recv_into(buf, limit);
		if (!n && c.ended())
			throw failed("end of stream after " + std::to_string(seq) + " of " + std::to_string(o.warm + o.count));
		if (!n)
			over(c.status());
		std::uint64_t got;
		std::memcpy(&got, buf.data(), sizeof(got));
		if (*n != buf.size() || got != seq)
			throw an::error(an::errc::corrupt, ("ring corrupt: expected message " + std::to_string(seq) + " of " + std::to_string(buf.size()) +
							    " bytes, found " + std::to_string(got) + " of " + std::to_string(*n)).c_str());
	}
}

inline void rate_recv(const an::ring &r, const options &o)
{
	doing = "attach";
	an::consumer c = r.consumer({.wait = o.wait});
	if (o.announce)
		say("attached");
	doing = "recv";
	std::vector<std::byte> buf(o.messages.max);
	std::uint64_t seq = 0;
	rate_receive(c, o, buf, seq, o.warm);
	const auto began = std::chrono::steady_clock::now();
	rate_receive(c, o, buf, seq, o.warm + o.count);
	const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - began).count();
	c.detach();
	say("received " + std::to_string(o.count) + " ns " + std::to_string(ns));
}

inline void run_rate(const an::ring &r, const std::string &what, options &o)
{
	if (o.messages.max < sizeof(std::uint64_t))
		throw usage_error("--size " + std::to_string(o.messages.max) + ": want 8 at least");
	if (o.count == options::all)
		o.count = 1;
	what == "send" ? rate_send(r, o) : rate_recv(r, o);
}

#endif

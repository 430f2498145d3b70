// How long a call may wait. Included by annulus.hpp.
#ifndef ANNULUS_UNTIL_HPP
#define ANNULUS_UNTIL_HPP

#include <chrono>
#include <climits>
#include <optional>
#include <stop_token>

#include "annulus_error.hpp"

namespace annulus {

// until bounds a wait: by nothing, a duration from now on, a point in time, a stop token, or a
// time and a token. Sleeps are counted in milliseconds, rounded up.
class until {
	using clock = std::chrono::steady_clock;

public:
	until() = default; // for ever
	template <class R, class P> until(std::chrono::duration<R, P> d, std::stop_token t = {}) : end_(from_now(d)), token_(std::move(t)) {}
	template <class D>
	until(std::chrono::time_point<clock, D> p, std::stop_token t = {})
	    : end_(std::chrono::time_point_cast<clock::duration>(p)), token_(std::move(t))
	{
	}
	until(std::stop_token t) : token_(std::move(t)) {}

	// left is what the C calls take: milliseconds, -1 for ever.
	int left() const
	{
		if (!end_)
			return -1;
		auto ms = std::chrono::ceil<std::chrono::milliseconds>(*end_ - clock::now()).count();
		return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
	}
	const std::stop_token &token() const noexcept { return token_; }

private:
	template <class R, class P> static std::optional<clock::time_point> from_now(std::chrono::duration<R, P> d)
	{
		auto now = clock::now();
		// Compared as fractions: what is beyond the clock is for ever.
		using seconds = std::chrono::duration<double>;
		if (seconds(d) >= seconds(clock::time_point::max() - now))
			return std::nullopt;
		return now + std::chrono::ceil<clock::duration>(d);
	}

	std::optional<clock::time_point> end_;
	std::stop_token token_;
};

namespace detail {

// waited does a call that takes milliseconds, for as long as limit says. The endpoint is usable
// after its token was stopped, unless somebody has called cancel.
template <class E, class F> int waited(E &e, const until &limit, F call)
{
	auto until_over = [&] {
		for (;;) {
			int ms = limit.left(), rc = call(ms);
			if (rc == ANNULUS_OVERRUN && e.lossy)
				continue;
			if (rc != ANNULUS_TIMEOUT || ms != INT_MAX)
				return rc;
		}
	};
	if (!limit.token().stop_possible())
		return until_over();
	int rc;
	{
		std::stop_callback stop(limit.token(), [&e]() noexcept { cancel(e.c); });
		rc = until_over();
	} // waits for the callback, if that is running
	__atomic_store_n(&e.c.e.cancelled, 0, __ATOMIC_SEQ_CST);
	if (e.cancelled.load())
		__atomic_store_n(&e.c.e.cancelled, 1, __ATOMIC_SEQ_CST);
	return rc;
}

} // namespace detail
} // namespace annulus

#endif

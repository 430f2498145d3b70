// The C headers, under names that leave "annulus" to the namespace; and what the
// endpoints in C++ have in common. Included by annulus.hpp.
#ifndef ANNULUS_BASE_HPP
#define ANNULUS_BASE_HPP

#ifdef ANNULUS_H
#error "annulus.hpp: include it before annulus.h, or in place of it"
#endif
#if __cplusplus < 202002L
#error "annulus.hpp: needs C++20"
#endif

#define annulus annulus_handle
#include "annulus.h"
#undef annulus

#include <atomic>
#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace annulus {

// wait is how a call waits once its first looks found nothing.
enum class wait {
	spin = ANNULUS_SPIN,           // never sleeps: one processor busy, least latency
	futex = ANNULUS_FUTEX,         // sleeps on the ring's futex word
	semaphore = ANNULUS_SEMAPHORE, // sleeps on the ring's sem_t (glibc; SPSC rings)
};

template <class T>
concept byte_like = std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char> || std::is_same_v<T, signed char>;

// payload is what is sent: anything whose bytes lie together, as a string, or a span,
// vector or array of std::byte or of characters. It refers to them.
class payload {
public:
	constexpr payload() = default;
	payload(std::string_view s) noexcept : bytes_(std::as_bytes(std::span(s.data(), s.size()))) {}
	payload(const char *s) noexcept : payload(std::string_view(s)) {}
	payload(const std::string &s) noexcept : payload(std::string_view(s)) {}
	constexpr payload(std::span<const std::byte> b) noexcept : bytes_(b) {}
	template <std::ranges::contiguous_range R>
		requires(byte_like<std::ranges::range_value_t<R>> && std::ranges::sized_range<R> && !std::is_convertible_v<R, std::string_view> &&
			 !std::is_convertible_v<R, std::span<const std::byte>>)
	payload(R &&r) noexcept : bytes_(reinterpret_cast<const std::byte *>(std::ranges::data(r)), std::ranges::size(r))
	{
	}
	template <class R>
		requires(std::is_convertible_v<R, std::span<const std::byte>> && !std::is_same_v<std::remove_cvref_t<R>, payload>)
	constexpr payload(R &&r) noexcept : bytes_(r)
	{
	}

	constexpr const std::byte *data() const noexcept { return bytes_.data(); }
	constexpr std::size_t size() const noexcept { return bytes_.size(); }
	constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
	std::span<const std::byte> bytes_;
};

namespace detail {

// region is the memory of a ring, shared by all that use it.
struct region {
	annulus_handle c;
	region() { annulus_clear_(&c); }
	region(const region &) = delete;
	region &operator=(const region &) = delete;
	~region() { annulus_close(&c); } // whoever is attached holds the region
};

// endpoint is what lies behind a producer or consumer and the guards that they hand
// out. It stays where it is, as the C struct has to, and goes with the last of these.
template <class C, class M = region> struct endpoint {
	C c;
	std::shared_ptr<M> memory;
	std::atomic<bool> cancelled{false}; // by cancel, not by a stop token
	std::size_t guards = 0;
	bool left = false;  // the producer or consumer is gone
	bool lossy = false; // an overrun is no answer
	int status = ANNULUS_OK;
	int later = ANNULUS_OK; // what a batch met behind its first message
};

inline void cancel(annulus_producer &p) noexcept { annulus_producer_cancel(&p); }
inline void cancel(annulus_consumer &c) noexcept { annulus_consumer_cancel(&c); }
inline void cancel(annulus_cell_reader &r) noexcept { annulus_cell_cancel(&r); }
inline void detach(annulus_producer &p) noexcept { annulus_producer_detach(&p); }
inline void detach(annulus_consumer &c) noexcept { annulus_consumer_detach(&c); }

template <class E> void destroy(E *e) noexcept
{
	if (e->c.e.ring != nullptr)
		detach(e->c);
	delete e;
}

// leave is the end of a producer or consumer. Guards that are still held keep the endpoint attached.
template <class E> struct leave {
	void operator()(E *e) const noexcept
	{
		if (e->guards > 0)
			e->left = true;
		else
			destroy(e);
	}
};

// unguard is the end of a guard, after it has given back what it held.
template <class E> void unguard(E *e) noexcept
{
	if (--e->guards == 0 && e->left)
		destroy(e);
}

} // namespace detail
} // namespace annulus

#endif

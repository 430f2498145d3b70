// Endpoints of rings whose messages are all one T. Included by annulus.hpp.
#ifndef ANNULUS_TYPED_HPP
#define ANNULUS_TYPED_HPP

#include "annulus_consumer.hpp"
#include "annulus_element.hpp"
#include "annulus_producer.hpp"

namespace annulus {

// shareable are types whose values mean the same in another process, as far as C++ can tell:
// that no pointer is in them is for their author to see to.
template <class T>
concept shareable = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_member_pointer_v<T> && alignof(T) <= ANNULUS_WORD_SIZE;

namespace detail {

[[noreturn]] inline void other_type(const annulus_handle &r, std::uint64_t want)
{
	mismatch("the ring's elements are \"%.64s\" (%#llx), want those with fingerprint %#llx", reinterpret_cast<const char *>(r.header.element),
		 static_cast<unsigned long long>(r.header.fingerprint), static_cast<unsigned long long>(want));
}

// same holds T against what the ring's creator said of its elements.
template <shareable T> void same(const annulus_handle &r)
{
	const annulus_geometry &g = r.geometry;
	if (g.kind != ANNULUS_KIND_SLOTS)
		mismatch("%s", "the ring is of records, a type needs slots; use ring::producer and ring::consumer");
	if (g.slot_size != sizeof(T))
		mismatch("the ring's messages are of %llu bytes, the type has %zu", static_cast<unsigned long long>(g.slot_size), sizeof(T));
	std::uint64_t has = r.header.fingerprint, want = fingerprint<T>();
	if (has != 0 && want != 0 && has != want)
		other_type(r, want);
}

template <class T> payload bytes_of(const T &v) { return std::as_bytes(std::span<const T, 1>(&v, 1)); }

} // namespace detail

// slot is a reservation of a T: *s is the room, with anything in it.
template <shareable T> class [[nodiscard]] slot {
public:
	slot() = default;
	explicit operator bool() const noexcept { return static_cast<bool>(r_); }
	T &operator*() const noexcept { return *reinterpret_cast<T *>(r_.data()); }
	T *operator->() const noexcept { return &**this; }
	void commit() { r_.commit(); }
	void stage() { r_.stage(); }
	void abort() noexcept { r_.abort(); }

private:
	template <shareable> friend class producer_of;
	explicit slot(reservation r) : r_(std::move(r)) {}
	reservation r_;
};

// producer_of sends values. What it does not say is as in producer, which is under base().
template <shareable T> class producer_of {
public:
	producer_of() = default;
	// Throws errc::invalid if the ring is not one of T.
	explicit producer_of(producer p) : p_(std::move(p))
	{
		if (p_)
			detail::same<T>(*p_.handle()->e.ring);
	}

	explicit operator bool() const noexcept { return static_cast<bool>(p_); }

	void send(const T &v) { p_.send(detail::bytes_of(v)); }
	[[nodiscard]] bool send(const T &v, const until &limit) { return p_.send(detail::bytes_of(v), limit); }
	[[nodiscard]] bool try_send(const T &v) { return p_.try_send(detail::bytes_of(v)); }
	slot<T> reserve(const until &limit = {}) { return slot<T>(p_.reserve(sizeof(T), limit)); }
	slot<T> try_reserve() { return slot<T>(p_.try_reserve(sizeof(T))); }
	std::size_t send_batch(std::span<const T> vs, const until &limit = {})
	{
		return p_.send_batch(vs | std::views::transform([](const T &v) { return detail::bytes_of(v); }), limit);
	}

	errc status() const noexcept { return p_.status(); }
	producer &base() noexcept { return p_; }

private:
	producer p_;
};

// item is a T in the ring, in the consumer's hands until it is released or destroyed.
// A message of another size, as an MPMC ring that is not of one type may hold, is given up with errc::size.
template <shareable T> class [[nodiscard]] item {
public:
	item() = default;
	explicit operator bool() const noexcept { return static_cast<bool>(m_); }
	const T &operator*() const noexcept { return *reinterpret_cast<const T *>(m_.data()); }
	const T *operator->() const noexcept { return &**this; }
	int redelivered() const noexcept { return m_.redelivered(); }
	void release() noexcept { m_.release(); }

private:
	template <shareable> friend class consumer_of;
	explicit item(message m) : m_(std::move(m))
	{
		if (m_ && m_.size() != sizeof(T))
			throw error(errc::size);
	}
	message m_;
};

// consumer_of receives values. What it does not say is as in consumer, which is under base().
template <shareable T> class consumer_of {
public:
	consumer_of() = default;
	// Throws errc::invalid if the ring is not one of T.
	explicit consumer_of(consumer c) : c_(std::move(c))
	{
		if (c_)
			detail::same<T>(*c_.handle()->e.ring);
	}

	explicit operator bool() const noexcept { return static_cast<bool>(c_); }

	// recv is empty at the end of the stream and when limit is over: see status.
	[[nodiscard]] std::optional<T> recv(const until &limit = {})
		requires std::is_default_constructible_v<T>
	{
		T v{};
		return value(v, c_.recv_into(std::as_writable_bytes(std::span<T, 1>(&v, 1)), limit));
	}
	[[nodiscard]] std::optional<T> try_recv()
		requires std::is_default_constructible_v<T>
	{
		T v{};
		return value(v, c_.try_recv_into(std::as_writable_bytes(std::span<T, 1>(&v, 1))));
	}
	item<T> peek(const until &limit = {}) { return item<T>(c_.peek(limit)); }
	item<T> try_peek() { return item<T>(c_.try_peek()); }

	errc status() const noexcept { return c_.status(); }
	bool ended() const noexcept { return c_.ended(); }
	consumer &base() noexcept { return c_; }

private:
	static std::optional<T> value(const T &v, std::optional<std::size_t> n)
	{
		if (!n)
			return std::nullopt;
		if (*n != sizeof(T))
			throw error(errc::size);
		return v;
	}

	consumer c_;
};

} // namespace annulus

#endif

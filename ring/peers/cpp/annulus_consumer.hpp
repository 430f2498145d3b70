// The receiving end. Included by annulus.hpp.
#ifndef ANNULUS_CONSUMER_HPP
#define ANNULUS_CONSUMER_HPP

#include <cstring>
#include <vector>

#include "annulus_message.hpp"

namespace annulus {

class ring;
class messages;

// consumer is an attached receiving end; ring::consumer makes it. The destructor detaches: a
// live producer's sends fail (broadcast: they do not), what was not released stays in the ring (MPMC: see
// the C header). Guards that are still held put that off until the last of them is gone.
class consumer {
	using state = detail::endpoint<annulus_consumer>;

public:
	consumer() = default; // attached to nothing

	explicit operator bool() const noexcept { return e_ != nullptr; }

	// peek waits for the next message and hands it out in place. It is empty at the end of
	// the stream and when limit is over: see status. The message counts as received
	// when it is released. While others are in hand it may throw errc::held (MPMC): release first.
	message peek(const until &limit = {})
	{
		state &e = get();
		const void *at = nullptr;
		std::size_t n = 0;
		int rc = look(e, &at, &n);
		if (rc == ANNULUS_EMPTY)
			rc = detail::waited(e, limit, [&](int ms) { return annulus_peek(&e.c, &at, &n, ms); });
		return handed(e, rc, at, n);
	}
	// try_peek does not wait.
	message try_peek()
	{
		state &e = get();
		const void *at = nullptr;
		std::size_t n = 0;
		int rc = look(e, &at, &n);
		return handed(e, rc, at, n);
	}

	// peek_batch waits as peek does, then takes what else is there, up to the size of room,
	// where it puts the views. In an MPMC ring a batch ends where others have received in between.
	batch peek_batch(std::span<message_view> room, const until &limit = {})
	{
		if (room.empty())
			throw error(errc::invalid, "invalid argument: a batch needs room for a message");
		message first = peek(limit);
		if (!first)
			return {};
		state &e = *e_;
		room[0] = first.view();
		std::size_t k = 1;
		for (; k < room.size(); k++) {
			const void *at = nullptr;
			std::size_t n = 0;
			int rc = look(e, &at, &n);
			if (rc != ANNULUS_OK) {
				if (!detail::ordinary(rc) && rc != ANNULUS_HELD)
					e.later = rc; // it might not be said again
				break;
			}
			room[k] = view(e, at, n);
		}
		return {room.first(k), std::move(first.hold_)};
	}

	// recv makes out a copy of the next message and releases it; out is a string, or
	// a vector of bytes. False at the end of the stream and when limit is over: see status.
	// Not while messages are in hand (errc::held).
	template <class B>
		requires requires(B &b, const char *p) { b.assign(p, p); b.reserve(1); }
	[[nodiscard]] bool recv(B &out, const until &limit = {})
	{
		free_hands();
		return copy(out, peek(limit));
	}
	template <class B>
		requires requires(B &b, const char *p) { b.assign(p, p); b.reserve(1); }
	[[nodiscard]] bool try_recv(B &out)
	{
		free_hands();
		return copy(out, try_peek());
	}

	// recv_into copies the next message to buf and returns its length. If buf is too small it throws
	// errc::too_small, and the message stays.
	[[nodiscard]] std::optional<std::size_t> recv_into(std::span<std::byte> buf, const until &limit = {})
	{
		state &e = free_hands();
		std::size_t n = 0;
		int rc = take(e, buf, &n);
		if (rc == ANNULUS_EMPTY)
			rc = detail::waited(e, limit, [&](int ms) { return annulus_recv(&e.c, buf.data(), buf.size(), &n, ms); });
		return counted(e, rc, n);
	}
	[[nodiscard]] std::optional<std::size_t> try_recv_into(std::span<std::byte> buf)
	{
		state &e = free_hands();
		std::size_t n = 0;
		int rc = take(e, buf, &n);
		return counted(e, rc, n);
	}

	// messages is the range of all that comes, up to the end of the stream or until limit is
	// over: for (auto msg : c.messages()). Each is released when the next one is
	// wanted, or the loop is left.
	annulus::messages messages(until limit = {});

	// status is the last answer: ok, empty, end, timed_out (limit's time) or cancelled (limit's
	// token, or cancel).
	errc status() const noexcept { return e_ ? static_cast<errc>(e_->status) : errc::invalid; }
	// ended tells whether the last answer was the end of the stream. It stays so until
	// another producer attaches.
	bool ended() const noexcept { return status() == errc::end; }

	// missed tells how many messages of a broadcast ring this consumer has lost to overruns.
	std::uint64_t missed() const { return annulus_missed(&get().c); }

	// cancel ends a wait in another thread, and every later one, with errc::cancelled. Not while
	// the consumer is moved, assigned to or destroyed.
	void cancel() noexcept
	{
		if (!e_)
			return;
		e_->cancelled = true;
		detail::cancel(e_->c);
	}

	// detach is what the destructor does. No message may be in hand.
	void detach()
	{
		state &e = free_hands();
		detail::check(annulus_consumer_detach(&e.c), e.c.detail);
		e_.reset();
	}

	// handle is the C struct, for what C++ does not name.
	annulus_consumer *handle() const noexcept { return e_ ? &e_->c : nullptr; }

private:
	friend class ring;
	explicit consumer(state *e) : e_(e) {}
	state &get() const
	{
		if (!e_) [[unlikely]]
			throw error(errc::invalid, "invalid argument: the consumer is not attached");
		return *e_;
	}
	// C's recv releases all that was peeked: guards would refer to what is gone.
	state &free_hands() const
	{
		state &e = get();
		if (e.guards > 0) [[unlikely]]
			throw error(errc::held);
		return e;
	}
	// look and take are the C calls that do not wait, but for what was put off and, if the consumer is
	// lossy, overruns.
	template <class F> static int attempt(state &e, F call)
	{
		int rc = std::exchange(e.later, ANNULUS_OK);
		if (rc != ANNULUS_OK) [[unlikely]]
			return rc;
		do
			rc = call();
		while (rc == ANNULUS_OVERRUN && e.lossy);
		return rc;
	}
	static int look(state &e, const void **at, std::size_t *n)
	{
		return attempt(e, [&] { return annulus_try_peek(&e.c, at, n); });
	}
	static int take(state &e, std::span<std::byte> buf, std::size_t *n)
	{
		return attempt(e, [&] { return annulus_try_recv(&e.c, buf.data(), buf.size(), n); });
	}
	static message_view view(state &e, const void *at, std::size_t n)
	{
		return {std::span(static_cast<const std::byte *>(at), n), annulus_redelivered(&e.c)};
	}
	static message handed(state &e, int rc, const void *at, std::size_t n)
	{
		if (!detail::answered(e, rc))
			return {};
		return {view(e, at, n), detail::hold(e)};
	}
	static std::optional<std::size_t> counted(state &e, int rc, std::size_t n)
	{
		if (!detail::answered(e, rc))
			return std::nullopt;
		return n;
	}
	template <class B> static bool copy(B &out, const message &m)
	{
		if (!m)
			return false;
		auto p = reinterpret_cast<const typename B::value_type *>(m.data());
		static_assert(sizeof(typename B::value_type) == 1, "annulus: messages are bytes");
		out.assign(p, p + m.size());
		return true;
	}

	std::unique_ptr<state, detail::leave<state>> e_;
};

// messages: see consumer::messages. It is gone through once.
class messages {
public:
	class iterator {
	public:
		using iterator_concept = std::input_iterator_tag;
		using value_type = message_view;
		using difference_type = std::ptrdiff_t;

		iterator() = default;
		message_view operator*() const noexcept { return now_; }
		iterator &operator++()
		{
			now_.release();
			now_ = from_->c_->peek(from_->limit_);
			return *this;
		}
		void operator++(int) { ++*this; }
		friend bool operator==(const iterator &i, std::default_sentinel_t) noexcept { return !i.now_; }

	private:
		friend class messages;
		explicit iterator(messages &m) : from_(&m), now_(m.c_->peek(m.limit_)) {}

		messages *from_ = nullptr;
		message now_;
	};

	iterator begin() { return iterator(*this); }
	std::default_sentinel_t end() const noexcept { return {}; }

private:
	friend class consumer;
	messages(consumer &c, until limit) : c_(&c), limit_(std::move(limit)) {}

	consumer *c_;
	until limit_;
};

inline messages consumer::messages(until limit) { return {*this, std::move(limit)}; }

} // namespace annulus

#endif

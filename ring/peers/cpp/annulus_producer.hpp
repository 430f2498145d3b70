// The sending end. Included by annulus.hpp.
#ifndef ANNULUS_PRODUCER_HPP
#define ANNULUS_PRODUCER_HPP

#include <cstring>
#include <ranges>

#include "annulus_until.hpp"

namespace annulus {

class ring;
class producer;

// reservation is room in the ring for one message, to be written in place; empty if there
// was none. Its bytes hold anything, and are the caller's until commit, stage or abort;
// the destructor aborts.
class [[nodiscard]] reservation {
	using state = detail::endpoint<annulus_producer>;

public:
	reservation() = default;
	reservation(reservation &&o) noexcept : e_(std::exchange(o.e_, nullptr)), bytes_(std::exchange(o.bytes_, {})) {}
	reservation &operator=(reservation &&o) noexcept
	{
		if (this != &o) {
			abort();
			e_ = std::exchange(o.e_, nullptr);
			bytes_ = std::exchange(o.bytes_, {});
		}
		return *this;
	}
	~reservation() { abort(); }

	explicit operator bool() const noexcept { return e_ != nullptr; }
	std::span<std::byte> bytes() const noexcept { return bytes_; }
	std::byte *data() const noexcept { return bytes_.data(); }
	std::size_t size() const noexcept { return bytes_.size(); }

	// commit sends the first n bytes, or all, behind what is staged. When it returns the message
	// arrives, also if this process is killed in the next moment. If it throws, as for an n that
	// is too great, the reservation stays open.
	void commit(std::size_t n)
	{
		stage_(n);
		annulus_publish(&e_->c);
		drop();
	}
	void commit() { commit(size()); }

	// stage is a commit that becomes visible with producer::publish, or with the next
	// message that is sent; to a consumer of a ring of one producer, together with all
	// others that were staged.
	void stage(std::size_t n)
	{
		stage_(n);
		drop();
	}
	void stage() { stage(size()); }

	// abort gives the room back.
	void abort() noexcept
	{
		if (e_ == nullptr)
			return;
		annulus_abort(&e_->c);
		drop();
	}

private:
	friend class producer;
	reservation(state *e, std::span<std::byte> b) : e_(e), bytes_(b) { e->guards++; }
	void stage_(std::size_t n)
	{
		if (e_ == nullptr)
			throw error(errc::not_reserved);
		detail::check(annulus_stage(&e_->c, n), nullptr);
	}
	void drop() noexcept
	{
		bytes_ = {};
		detail::unguard(std::exchange(e_, nullptr));
	}

	state *e_ = nullptr;
	std::span<std::byte> bytes_;
};

// producer is an attached sending end; ring::producer makes it. The destructor detaches in
// order: what is committed stays, what is staged and not published is given up, and the consumer
// gets the end of the stream. To be told whether that went well, call detach.
class producer {
	using state = detail::endpoint<annulus_producer>;

public:
	producer() = default; // attached to nothing

	explicit operator bool() const noexcept { return e_ != nullptr; }

	// send commits a copy, behind what is staged. It waits while the ring is full; false when
	// limit is over. Throws errc::closed once the consumer wants no more.
	[[nodiscard]] bool send(payload msg, const until &limit)
	{
		state &e = get();
		int rc = annulus_try_send(&e.c, msg.data(), msg.size());
		if (rc == ANNULUS_FULL)
			rc = detail::waited(e, limit, [&](int ms) { return annulus_send(&e.c, msg.data(), msg.size(), ms); });
		return detail::answered(e, rc);
	}
	// As above, for ever: it throws errc::cancelled too.
	void send(payload msg)
	{
		state &e = get();
		e.status = annulus_send(&e.c, msg.data(), msg.size(), -1);
		detail::check(e.status, e.c.detail);
	}
	// try_send does not wait: false, the ring is full.
	[[nodiscard]] bool try_send(payload msg)
	{
		state &e = get();
		return detail::answered(e, annulus_try_send(&e.c, msg.data(), msg.size()));
	}

	// reserve opens a reservation of n bytes: in a ring whose messages have one size of that.
	// If it has to wait it publishes what is staged, else no room could come. There is one
	// reservation at a time. The result is empty when limit is over.
	reservation reserve(std::size_t n, const until &limit = {})
	{
		state &e = get();
		void *room = nullptr;
		int rc = annulus_try_reserve(&e.c, n, &room);
		if (rc == ANNULUS_FULL)
			rc = detail::waited(e, limit, [&](int ms) { return annulus_reserve(&e.c, n, &room, ms); });
		return opened(e, rc, room, n);
	}
	// try_reserve does not wait: empty, the ring is full.
	reservation try_reserve(std::size_t n)
	{
		state &e = get();
		void *room = nullptr;
		int rc = annulus_try_reserve(&e.c, n, &room);
		return opened(e, rc, room, n);
	}

	// publish makes visible what is staged.
	void publish() { annulus_publish(&get().c); }

	// send_batch sends a range of payloads, at once as far as they fit, and returns how
	// many were sent before limit was over. If it throws for one of them, those before are sent.
	template <std::ranges::input_range R>
		requires std::is_convertible_v<std::ranges::range_reference_t<R>, payload>
	std::size_t send_batch(R &&msgs, const until &limit = {})
	{
		struct publisher {
			producer &p;
			~publisher() { annulus_publish(&p.e_->c); }
		};
		std::size_t n = 0;
		get();
		publisher at_last{*this};
		for (auto &&m : msgs) {
			payload msg(m);
			reservation r = reserve(msg.size(), limit);
			if (!r)
				break;
			if (msg.size() > 0)
				std::memcpy(r.data(), msg.data(), msg.size());
			r.stage();
			n++;
		}
		return n;
	}

	// status is the last answer of send, try_send, reserve or try_reserve: ok, full, timed_out
	// (limit's time) or cancelled (limit's token, or cancel).
	errc status() const noexcept { return e_ ? static_cast<errc>(e_->status) : errc::invalid; }

	// committed tells how far this producer and those before it have come: a position, or (MPMC, MPSC
	// in one order) the messages sent under its tag. One that notes it before a send and dies lets its
	// successor learn whether that took effect: if it is greater.
	std::uint64_t committed() const { return annulus_committed(&get().c); }

	// dropped tells how many messages the producers of a broadcast ring that drops have dropped.
	std::uint64_t dropped() const { return annulus_dropped(&get().c); }

	// cancel ends a wait in another thread, and every later one, with errc::cancelled. Not while
	// the producer is moved, assigned to or destroyed.
	void cancel() noexcept
	{
		if (!e_)
			return;
		e_->cancelled = true;
		detail::cancel(e_->c);
	}

	// detach is what the destructor does. A reservation must not be open.
	void detach()
	{
		if (get().guards > 0)
			throw error(errc::reserved);
		detail::check(annulus_producer_detach(&e_->c), e_->c.detail);
		e_.reset();
	}

	// handle is the C struct, for what C++ does not name.
	annulus_producer *handle() const noexcept { return e_ ? &e_->c : nullptr; }

private:
	friend class ring;
	explicit producer(state *e) : e_(e) {}
	state &get() const
	{
		if (!e_) [[unlikely]]
			throw error(errc::invalid, "invalid argument: the producer is not attached");
		return *e_;
	}
	static reservation opened(state &e, int rc, void *room, std::size_t n)
	{
		if (!detail::answered(e, rc))
			return {};
		return {&e, std::span(static_cast<std::byte *>(room), n)};
	}

	std::unique_ptr<state, detail::leave<state>> e_;
};

} // namespace annulus

#endif

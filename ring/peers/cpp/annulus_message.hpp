// What a consumer hands out: messages that lie in the ring. Included by annulus.hpp.
#ifndef ANNULUS_MESSAGE_HPP
#define ANNULUS_MESSAGE_HPP

#include <iterator>

#include "annulus_until.hpp"

namespace annulus {

class consumer;

// message_view refers to a message in the ring. It is valid as long as the guard that it
// came with. The producer can write there, if it is not as it should be.
class message_view {
public:
	message_view() = default;
	// of lets bytes that lie elsewhere be taken for a message.
	static message_view of(std::span<const std::byte> b) noexcept { return {b, 0}; }

	std::span<const std::byte> bytes() const noexcept { return bytes_; }
	std::string_view text() const noexcept { return {reinterpret_cast<const char *>(bytes_.data()), bytes_.size()}; }
	const std::byte *data() const noexcept { return bytes_.data(); }
	std::size_t size() const noexcept { return bytes_.size(); }
	// redelivered tells how often the message was in the hands of a consumer that died, in an
	// MPMC ring that redelivers.
	int redelivered() const noexcept { return redelivered_; }

private:
	friend class consumer;
	message_view(std::span<const std::byte> b, int redelivered) : bytes_(b), redelivered_(redelivered) {}

	std::span<const std::byte> bytes_;
	int redelivered_ = 0;
};

namespace detail {

// hold keeps what was peeked from being released. The consumer gives everything back that it
// has handed out once nobody holds any of it.
class hold {
	using state = endpoint<annulus_consumer>;

public:
	hold() = default;
	explicit hold(state &e) noexcept : e_(&e) { e.guards++; }
	hold(hold &&o) noexcept : e_(std::exchange(o.e_, nullptr)) {}
	hold &operator=(hold &&o) noexcept
	{
		if (this != &o) {
			release();
			e_ = std::exchange(o.e_, nullptr);
		}
		return *this;
	}
	~hold() { release(); }

	explicit operator bool() const noexcept { return e_ != nullptr; }
	void release() noexcept
	{
		if (e_ == nullptr)
			return;
		if (e_->guards == 1)
			annulus_release(&e_->c);
		unguard(std::exchange(e_, nullptr));
	}

private:
	state *e_ = nullptr;
};

} // namespace detail

// message is a message in the consumer's hands, until it is released or destroyed; empty if
// there was none. Where several are held, the room of all is given back with the last.
class [[nodiscard]] message : public message_view {
public:
	message() = default;
	message(message &&o) noexcept : message_view(std::exchange(o.view(), {})), hold_(std::move(o.hold_)) {}
	message &operator=(message &&o) noexcept
	{
		hold_ = std::move(o.hold_);
		view() = std::exchange(o.view(), {});
		return *this;
	}

	explicit operator bool() const noexcept { return static_cast<bool>(hold_); }

	// release counts it as received: it comes to nobody again.
	void release() noexcept
	{
		hold_.release();
		view() = {};
	}

private:
	friend class consumer;
	message(message_view v, detail::hold h) : message_view(v), hold_(std::move(h)) {}
	message_view &view() noexcept { return *this; }

	detail::hold hold_;
};

// batch is several messages in the consumer's hands, to be released together; none if there
// were none. The views lie where the caller of peek_batch wanted them.
class [[nodiscard]] batch {
public:
	batch() = default;
	batch(batch &&o) noexcept : views_(std::exchange(o.views_, {})), hold_(std::move(o.hold_)) {}
	batch &operator=(batch &&o) noexcept
	{
		hold_ = std::move(o.hold_);
		views_ = std::exchange(o.views_, {});
		return *this;
	}

	explicit operator bool() const noexcept { return static_cast<bool>(hold_); }
	std::size_t size() const noexcept { return views_.size(); }
	auto begin() const noexcept { return views_.begin(); }
	auto end() const noexcept { return views_.end(); }
	const message_view &operator[](std::size_t i) const noexcept { return views_[i]; }

	void release() noexcept
	{
		hold_.release();
		views_ = {};
	}

private:
	friend class consumer;
	batch(std::span<const message_view> v, detail::hold h) : views_(v), hold_(std::move(h)) {}

	std::span<const message_view> views_;
	detail::hold hold_;
};

} // namespace annulus

#endif

// The writer of a cell or block, and its readers. Included by annulus.hpp.
#ifndef ANNULUS_CELL_ENDS_HPP
#define ANNULUS_CELL_ENDS_HPP

#include "annulus_until.hpp"

namespace annulus {

class cell;
class cell_writer;

namespace detail {

struct cell_region {
	annulus_cell c;
	cell_region() { annulus_clear_(&c.region); }
	cell_region(const cell_region &) = delete;
	cell_region &operator=(const cell_region &) = delete;
	~cell_region() { annulus_cell_close(&c); }
};

struct cell_writer_state {
	annulus_cell_writer c;
	std::shared_ptr<cell_region> memory;
	~cell_writer_state() { annulus_cell_writer_detach(&c); }
};

using cell_reader_state = endpoint<annulus_cell_reader, cell_region>;

} // namespace detail

// draft is where the next version goes, to be written in place; readers stay with the one they
// have until commit. The destructor aborts. It must not outlive its writer.
class [[nodiscard]] draft {
public:
	draft() = default;
	draft(draft &&o) noexcept : w_(std::exchange(o.w_, nullptr)), bytes_(std::exchange(o.bytes_, {})) {}
	draft &operator=(draft &&o) noexcept
	{
		if (this != &o) {
			abort();
			w_ = std::exchange(o.w_, nullptr);
			bytes_ = std::exchange(o.bytes_, {});
		}
		return *this;
	}
	~draft() { abort(); }

	explicit operator bool() const noexcept { return w_ != nullptr; }
	std::span<std::byte> bytes() const noexcept { return bytes_; }

	// commit makes the first n bytes the latest version: of a block; of a cell, all.
	void commit(std::size_t n)
	{
		if (w_ == nullptr)
			throw error(errc::not_reserved);
		detail::check(annulus_cell_commit(w_, n), w_->detail);
		w_ = nullptr;
	}
	void commit() { commit(bytes_.size()); }
	void abort() noexcept
	{
		if (w_ != nullptr)
			annulus_cell_abort(std::exchange(w_, nullptr));
	}

private:
	friend class cell_writer;
	draft(annulus_cell_writer *w, std::span<std::byte> b) : w_(w), bytes_(b) {}

	annulus_cell_writer *w_ = nullptr;
	std::span<std::byte> bytes_;
};

// cell_writer has the writer's role; cell::writer makes it. It never waits. The destructor
// detaches: the last version stays, readers that wait get the end.
class cell_writer {
public:
	cell_writer() = default;
	explicit operator bool() const noexcept { return w_ != nullptr; }

	// write makes a copy the latest version.
	void write(payload value)
	{
		annulus_cell_writer &w = get();
		detail::check(annulus_cell_write(&w, value.data(), value.size()), w.detail);
	}
	// begin opens a draft of the next one. There is one at a time (errc::reserved).
	draft begin()
	{
		annulus_cell_writer &w = get();
		void *room = nullptr;
		detail::check(annulus_cell_begin(&w, &room), w.detail);
		return {&w, std::span(static_cast<std::byte *>(room), w.cell->geometry.size)};
	}
	// version is that which was written last, by this writer or those before it; 0: none.
	std::uint64_t version() const { return annulus_cell_version(&get()); }
	void detach()
	{
		detail::check(annulus_cell_writer_detach(&get()), nullptr);
		w_.reset();
	}

private:
	friend class cell;
	explicit cell_writer(std::unique_ptr<detail::cell_writer_state> w) : w_(std::move(w)) {}
	annulus_cell_writer &get() const
	{
		if (!w_)
			throw error(errc::invalid, "invalid argument: the writer is not attached");
		return w_->c;
	}
	std::unique_ptr<detail::cell_writer_state> w_;
};

// cell_reader reads; cell::reader makes it, in any number. One thread at a time uses one.
class cell_reader {
	using state = detail::cell_reader_state;

public:
	cell_reader() = default;
	explicit operator bool() const noexcept { return r_ != nullptr; }

	// load makes out, a string or vector of bytes, a copy of the latest version; false, nothing
	// was written yet.
	template <class B> [[nodiscard]] bool load(B &out)
	{
		state &r = get();
		version_ = copied(r, out, [&](void *to, std::size_t size, std::size_t *n, std::uint64_t *v) {
			           return annulus_cell_load(&r.c, to, size, n, v);
		           }).value_or(0);
		return version_ != 0;
	}
	// next waits for a later version than the last one that was read; false if the writer has
	// detached and there is none, or limit is over: see status.
	template <class B> [[nodiscard]] bool next(B &out, const until &limit = {})
	{
		state &r = get();
		std::optional<std::uint64_t> v = copied(r, out, [&](void *to, std::size_t size, std::size_t *n, std::uint64_t *version) {
			return detail::waited(r, limit, [&](int ms) { return annulus_cell_wait(&r.c, version_, to, size, n, version, ms); });
		});
		version_ = v.value_or(version_);
		return v.has_value();
	}
	// version is that of the last load or next; 0: none.
	std::uint64_t version() const noexcept { return version_; }
	errc status() const noexcept { return r_ ? static_cast<errc>(r_->status) : errc::invalid; }
	bool ended() const noexcept { return status() == errc::end; }
	void cancel() noexcept
	{
		if (!r_)
			return;
		r_->cancelled = true;
		detail::cancel(r_->c);
	}

private:
	friend class cell;
	explicit cell_reader(std::unique_ptr<state> r) : r_(std::move(r)) {}
	state &get() const
	{
		if (!r_)
			throw error(errc::invalid, "invalid argument: the reader is of no cell");
		return *r_;
	}
	// copied calls until out is great enough: the next version may be longer.
	template <class B, class F> static std::optional<std::uint64_t> copied(state &r, B &out, F call)
	{
		static_assert(sizeof(typename B::value_type) == 1, "annulus: versions are bytes");
		const auto &g = r.c.cell->geometry;
		std::size_t n = 0;
		std::uint64_t version = 0;
		if (g.kind == ANNULUS_CELL_KIND_VALUE)
			out.resize(g.size);
		int rc;
		while ((rc = call(out.data(), out.size(), &n, &version)) == ANNULUS_TOO_SMALL)
			out.resize(n);
		if (!detail::answered(r, rc))
			return std::nullopt;
		out.resize(n);
		return version;
	}

	std::unique_ptr<state> r_;
	std::uint64_t version_ = 0;
};

} // namespace annulus

#endif

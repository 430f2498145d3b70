// Cells and blocks: the latest value of something, by one writer for any number of readers,
// torn never. The memory of one, and typed ends. Included by annulus.hpp.
#ifndef ANNULUS_CELL_HPP
#define ANNULUS_CELL_HPP

#include "annulus_cell_ends.hpp"
#include "annulus_typed.hpp"

namespace annulus {

// cell_reader_of and cell_writer_of are for cells of one T.
template <shareable T> class cell_reader_of {
public:
	cell_reader_of() = default;
	explicit cell_reader_of(cell_reader r) : r_(std::move(r)) {}
	// load is the latest version, if there is one.
	[[nodiscard]] std::optional<T> load() { return value(r_.load(bytes_)); }
	// next waits for a later one: see cell_reader::next.
	[[nodiscard]] std::optional<T> next(const until &limit = {}) { return value(r_.next(bytes_, limit)); }
	std::uint64_t version() const noexcept { return r_.version(); }
	cell_reader &base() noexcept { return r_; }

private:
	// bytes is as the reader wants its copy.
	struct buffer {
		using value_type = std::byte;
		alignas(T) std::byte at[sizeof(T)];
		std::byte *data() noexcept { return at; }
		std::size_t size() const noexcept { return sizeof(T); }
		void resize(std::size_t) const noexcept {} // a cell of T has that size
	};
	std::optional<T> value(bool there) const
	{
		if (!there)
			return std::nullopt;
		return *reinterpret_cast<const T *>(bytes_.at);
	}
	cell_reader r_;
	buffer bytes_{};
};

template <shareable T> class cell_writer_of {
public:
	cell_writer_of() = default;
	explicit cell_writer_of(cell_writer w) : w_(std::move(w)) {}
	void write(const T &v) { w_.write(detail::bytes_of(v)); }
	std::uint64_t version() const { return w_.version(); }
	cell_writer &base() noexcept { return w_; }

private:
	cell_writer w_;
};

// cell is a handle on the memory of a cell, or of a block, whose versions differ in length.
// Copies share it.
class cell {
public:
	cell() = default;

	static cell open(const std::string &name)
	{
		return made([&](annulus_cell *c) { return annulus_cell_open(c, name.c_str()); });
	}
	static cell open_file(const std::string &path, bool readonly = false)
	{
		return made([&](annulus_cell *c) { return annulus_cell_open_path(c, path.c_str(), readonly); });
	}
	static cell open_fd(int fd, bool readonly = false)
	{
		return made([&](annulus_cell *c) { return annulus_cell_open_fd(c, fd, readonly); });
	}
	// create makes a cell of size bytes, or a block of at most so many.
	static cell create(const std::string &name, std::uint64_t size, bool block = false)
	{
		return made([&](annulus_cell *c) { return annulus_cell_create(c, name.c_str(), kind(block), size); });
	}
	static cell create_file(const std::string &path, std::uint64_t size, bool block = false)
	{
		return made([&](annulus_cell *c) { return annulus_cell_create_path(c, path.c_str(), kind(block), size); });
	}

	explicit operator bool() const noexcept { return c_ != nullptr; }
	bool is_block() const { return get().geometry.kind == ANNULUS_CELL_KIND_BLOCK; }
	std::uint64_t size() const { return get().geometry.size; }

	// writer takes the role: errc::attached while another writer lives.
	cell_writer writer() const
	{
		get();
		auto w = std::make_unique<detail::cell_writer_state>();
		w->memory = c_;
		detail::check(annulus_cell_writer_attach(&w->c, &c_->c), w->c.detail);
		return cell_writer(std::move(w));
	}
	// reader waits by spin or futex; where the cell was opened read-only, it looks now and then.
	cell_reader reader(wait how = wait::futex) const
	{
		get();
		auto r = std::make_unique<detail::cell_reader_state>();
		r->memory = c_;
		detail::check(annulus_cell_reader_init(&r->c, &c_->c, static_cast<annulus_strategy>(how)), r->c.detail);
		return cell_reader(std::move(r));
	}
	// The same for cells of one T: errc::invalid if this is not.
	template <shareable T> cell_writer_of<T> writer_of() const
	{
		same<T>();
		return cell_writer_of<T>(writer());
	}
	template <shareable T> cell_reader_of<T> reader_of(wait how = wait::futex) const
	{
		same<T>();
		return cell_reader_of<T>(reader(how));
	}

	annulus_cell *handle() const noexcept { return c_ ? &c_->c : nullptr; }

private:
	explicit cell(std::shared_ptr<detail::cell_region> c) : c_(std::move(c)) {}
	static std::uint32_t kind(bool block) { return block ? ANNULUS_CELL_KIND_BLOCK : ANNULUS_CELL_KIND_VALUE; }
	annulus_cell &get() const
	{
		if (!c_)
			throw error(errc::invalid, "invalid argument: the cell is not open");
		return c_->c;
	}
	template <class F> static cell made(F make)
	{
		auto c = std::make_shared<detail::cell_region>();
		int rc = make(&c->c);
		detail::check(rc, c->c.region.detail);
		return cell(std::move(c));
	}
	template <shareable T> void same() const
	{
		const annulus_cell &c = get();
		if (is_block() || size() != sizeof(T))
			detail::mismatch("%s of %llu bytes, the type has %zu", is_block() ? "a block" : "a cell", static_cast<unsigned long long>(size()),
					 sizeof(T));
		std::uint64_t has = c.header.fingerprint, want = fingerprint<T>();
		if (has != 0 && want != 0 && has != want)
			detail::mismatch("the cell is of \"%.64s\", the type has another fingerprint", reinterpret_cast<const char *>(c.header.element));
	}

	std::shared_ptr<detail::cell_region> c_;
};

} // namespace annulus

#endif

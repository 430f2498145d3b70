// The memory of a ring: create, open, ask; and its endpoints. Included by annulus.hpp.
#ifndef ANNULUS_RING_HPP
#define ANNULUS_RING_HPP

#include "annulus_config.hpp"
#include "annulus_consumer.hpp"
#include "annulus_producer.hpp"
#include "annulus_typed.hpp"

namespace annulus {

// ring is a handle on a ring's memory. Copies share it.
class ring {
public:
	ring() = default; // open on nothing

	// open opens the ring of that name in POSIX shared memory, open_file the one in
	// a file, open_fd the one in an inherited or received descriptor, which stays
	// the caller's. What is opened read-only can be asked and takes no endpoints.
	static ring open(const std::string &name)
	{
		return made([&](annulus_handle *r) { return annulus_open(r, name.c_str()); });
	}
	static ring open_file(const std::string &path, bool readonly = false)
	{
		return made([&](annulus_handle *r) { return annulus_open_path(r, path.c_str(), readonly); });
	}
	static ring open_fd(int fd, bool readonly = false)
	{
		return made([&](annulus_handle *r) { return annulus_open_fd(r, fd, readonly); });
	}

	// create makes a ring in POSIX shared memory, complete before it has its name;
	// create_file makes one in a file. Throws errc::exists if the name is taken.
	static ring create(const std::string &name, const config &wanted = {})
	{
		annulus_config c = wanted.c();
		return made([&](annulus_handle *r) { return annulus_create(r, name.c_str(), &c); });
	}
	static ring create_file(const std::string &path, const config &wanted = {})
	{
		annulus_config c = wanted.c();
		return made([&](annulus_handle *r) { return annulus_create_path(r, path.c_str(), &c); });
	}

	// open_or_create creates the ring, unless it is there: then it throws errc::invalid if
	// it is another than wanted.
	static ring open_or_create(const std::string &name, const config &wanted = {})
	{
		for (;;) { // others may create and remove it meanwhile
			try {
				return create(name, wanted);
			} catch (const error &e) {
				if (e.code() != errc::exists)
					throw;
			}
			try {
				ring r = open(name);
				r.compare(wanted);
				return r;
			} catch (const error &e) {
				if (e.code() != errc::not_found)
					throw;
			}
		}
	}

	// remove takes a ring's name away, remove_file its file; false if there is none.
	// Those who have it open go on.
	static bool remove(const std::string &name)
	{
		return removed([&](annulus_handle *r, char *path, std::size_t n) { return annulus_posix_path_(r, name.c_str(), path, n); });
	}
	static bool remove_file(const std::string &path)
	{
		return removed([&](annulus_handle *r, char *to, std::size_t n) {
			if (path.size() >= n)
				return annulus_fail_(r->detail, ANNULUS_INVALID, "a path of %zu bytes", path.size());
			std::memcpy(to, path.c_str(), path.size() + 1);
			return static_cast<int>(ANNULUS_OK);
		});
	}

	explicit operator bool() const noexcept { return r_ != nullptr; }

	// producer attaches the sending end, consumer the receiving end. Throws errc::attached while
	// another that lives has the role, or all places in a ring of many are taken. A broadcast
	// ring that overwrites has consumers by read-only handles too, in any number.
	annulus::producer producer(const producer_options &o = {}) const
	{
		return attached_as<annulus::producer, annulus_producer>([&](annulus_producer *p, annulus_handle *r) {
			return annulus_producer_attach_tagged(p, r, static_cast<annulus_strategy>(o.wait), o.tag);
		});
	}
	annulus::consumer consumer(const consumer_options &o = {}) const
	{
		annulus::consumer c = attached_as<annulus::consumer, annulus_consumer>([&](annulus_consumer *c, annulus_handle *r) {
			auto how = static_cast<annulus_strategy>(o.wait);
			return o.backlog ? annulus_consumer_attach_backlog(c, r, how) : annulus_consumer_attach(c, r, how);
		});
		c.e_->lossy = o.lossy;
		return c;
	}
	// The same for rings whose messages are all one T: errc::invalid if they are not.
	template <shareable T> annulus::producer_of<T> producer_of(const producer_options &o = {}) const
	{
		detail::same<T>(get());
		return annulus::producer_of<T>(producer(o));
	}
	template <shareable T> annulus::consumer_of<T> consumer_of(const consumer_options &o = {}) const
	{
		detail::same<T>(get());
		return annulus::consumer_of<T>(consumer(o));
	}

	// attached asks the kernel whether anybody holds a role: a killed process does
	// not, a stopped one does.
	bool attached(annulus::role who) const
	{
		int yes = 0;
		if (annulus_attached(&get(), static_cast<annulus_role>(who), &yes) != ANNULUS_OK)
			throw error(errc::system);
		return yes != 0;
	}
	// recover settles at once what dead endpoints of a ring of many have left, and tells how
	// much it was. Who is blocked by it does so by itself.
	std::uint64_t recover() const
	{
		std::uint64_t n = 0;
		int rc = annulus_recover(&get(), &n);
		detail::check(rc, rc == ANNULUS_PERMISSION ? get().detail : nullptr);
		return n;
	}

	annulus::kind kind() const { return static_cast<annulus::kind>(get().geometry.kind); }
	annulus::topology topology() const { return static_cast<annulus::topology>(get().geometry.topology); }
	std::uint64_t capacity() const { return get().geometry.capacity; }
	std::uint64_t slot_size() const { return get().geometry.slot_size; }
	std::uint64_t max_message() const { return get().geometry.max_message; }
	std::uint64_t members() const { return get().geometry.members; }
	bool redelivers() const { return get().header.required & ANNULUS_FEATURE_REDELIVER; }
	annulus::overrun overruns() const
	{
		std::uint64_t f = get().header.required;
		return f & ANNULUS_FEATURE_BLOCK ? overrun::block : f & ANNULUS_FEATURE_DROP ? overrun::drop : overrun::overwrite;
	}
	std::uint64_t fingerprint() const { return get().header.fingerprint; }
	std::string_view element() const
	{
		auto name = reinterpret_cast<const char *>(get().header.element);
		return {name, strnlen(name, sizeof(get().header.element))};
	}

	// handle is the C struct, for what C++ does not name.
	annulus_handle *handle() const noexcept { return r_ ? &r_->c : nullptr; }

private:
	explicit ring(std::shared_ptr<detail::region> r) : r_(std::move(r)) {}

	annulus_handle &get() const
	{
		if (!r_)
			throw error(errc::invalid, "invalid argument: the ring is not open");
		return r_->c;
	}
	template <class F> static ring made(F make)
	{
		auto r = std::make_shared<detail::region>();
		int rc = make(&r->c);
		detail::check(rc, r->c.detail);
		return ring(std::move(r));
	}
	template <class F> static bool removed(F name)
	{
		annulus_handle r;
		char path[PATH_MAX];
		annulus_clear_(&r);
		detail::check(name(&r, path, sizeof(path)), r.detail);
		if (unlink(path) == 0)
			return true;
		int rc = annulus_system_(&r, "remove", path);
		if (rc == ANNULUS_NOT_FOUND)
			return false;
		detail::fail(rc, r.detail);
	}
	template <class E, class C, class F> E attached_as(F attach) const
	{
		get();
		auto e = std::make_unique<detail::endpoint<C>>();
		e->memory = r_;
		int rc = attach(&e->c, &r_->c);
		detail::check(rc, e->c.detail);
		return E(e.release());
	}
	// compare throws if the ring is another than wanted.
	void compare(const config &wanted) const
	{
		annulus_handle want;
		annulus_config c = wanted.c();
		annulus_clear_(&want);
		detail::check(annulus_defaults_(&want, &c), want.detail);
		const annulus_geometry &has = get().geometry, &w = want.geometry;
		struct {
			const char *name;
			std::uint64_t has, want;
		} const fields[] = {
			{"topology", has.topology, w.topology},       {"kind", has.kind, w.kind},
			{"capacity", has.capacity, w.capacity},       {"slot size", has.slot_size, w.slot_size},
			{"slot stride", has.slot_stride, w.slot_stride}, {"members", has.members, w.members},
			{"stride", wanted.stride ? has.stride : 0, wanted.stride},
			{"redelivery", redelivers(), wanted.redeliver}, {"overrun", static_cast<std::uint64_t>(overruns()), c.overrun},
		};
		if (wanted.fingerprint != 0 && fingerprint() != wanted.fingerprint)
			detail::other_type(get(), wanted.fingerprint);
		for (const auto &f : fields)
			if (f.has != f.want)
				detail::mismatch("the ring that is there has %s %llu, want %llu", f.name, static_cast<unsigned long long>(f.has),
						 static_cast<unsigned long long>(f.want));
	}

	std::shared_ptr<detail::region> r_;
};

} // namespace annulus

#endif

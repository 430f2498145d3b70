// Error codes and exceptions, with the texts of the C library. Included by annulus.hpp.
#ifndef ANNULUS_ERROR_HPP
#define ANNULUS_ERROR_HPP

#include <stdexcept>
#include <system_error>

#include "annulus_base.hpp"

namespace annulus {

// errc are the codes of enum annulus_error, which says more of them.
enum class errc {
	ok = ANNULUS_OK,

	// Ordinary answers.
	full = ANNULUS_FULL,
	empty = ANNULUS_EMPTY,
	end = ANNULUS_END,
	timed_out = ANNULUS_TIMEOUT,
	cancelled = ANNULUS_CANCELLED,

	// A broadcast ring has overwritten what was due. The next call goes on with the latest.
	overrun = ANNULUS_OVERRUN,

	// Mistakes of the caller; nothing has happened.
	too_large = ANNULUS_TOO_LARGE,
	too_small = ANNULUS_TOO_SMALL,
	size = ANNULUS_SIZE,
	reserved = ANNULUS_RESERVED,
	not_reserved = ANNULUS_NOT_RESERVED,
	invalid = ANNULUS_INVALID,
	held = ANNULUS_HELD,

	// The peer.
	closed = ANNULUS_CLOSED,
	attached = ANNULUS_ATTACHED,
	removed = ANNULUS_REMOVED,
	corrupt = ANNULUS_CORRUPT,
	lost = ANNULUS_LOST,

	// Headers that are refused.
	short_file = ANNULUS_SHORT,
	not_ring = ANNULUS_NOT_RING,
	endian = ANNULUS_ENDIAN,
	not_ready = ANNULUS_NOT_READY,
	version = ANNULUS_VERSION,
	checksum = ANNULUS_CHECKSUM,
	feature = ANNULUS_FEATURE,
	geometry = ANNULUS_GEOMETRY,

	// The system.
	exists = ANNULUS_EXISTS,
	not_found = ANNULUS_NOT_FOUND,
	permission = ANNULUS_PERMISSION,
	no_space = ANNULUS_NO_SPACE,
	unsupported = ANNULUS_UNSUPPORTED,
	system = ANNULUS_SYSTEM,
};

} // namespace annulus

template <> struct std::is_error_code_enum<annulus::errc> : std::true_type {};

namespace annulus {

namespace detail {
class category final : public std::error_category {
	const char *name() const noexcept override { return "annulus"; }
	std::string message(int code) const override { return annulus_strerror(code); }
	// What the standard library has a name for compares equal to it.
	std::error_condition default_error_condition(int code) const noexcept override
	{
		switch (static_cast<errc>(code)) {
		case errc::ok: return {};
		case errc::full:
		case errc::empty: return std::errc::resource_unavailable_try_again;
		case errc::timed_out: return std::errc::timed_out;
		case errc::cancelled: return std::errc::operation_canceled;
		case errc::too_large:
		case errc::size: return std::errc::message_size;
		case errc::too_small: return std::errc::no_buffer_space;
		case errc::invalid: return std::errc::invalid_argument;
		case errc::closed: return std::errc::broken_pipe;
		case errc::attached: return std::errc::device_or_resource_busy;
		case errc::exists: return std::errc::file_exists;
		case errc::not_found: return std::errc::no_such_file_or_directory;
		case errc::permission: return std::errc::permission_denied;
		case errc::no_space: return std::errc::no_space_on_device;
		case errc::unsupported: return std::errc::not_supported;
		default: return std::error_condition(code, *this);
		}
	}
};
} // namespace detail

// category is that of errc.
inline const std::error_category &category() noexcept
{
	static const detail::category c;
	return c;
}

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

// error is thrown for all but ordinary answers. what() is one line: the text of the code, and
// what was expected, what was found.
class error : public std::system_error {
public:
	error(errc code, const char *line) : std::system_error(make_error_code(code)), line_(line) {}
	explicit error(errc code) : error(code, annulus_strerror(static_cast<int>(code))) {}
	const char *what() const noexcept override { return line_.what(); }

private:
	std::runtime_error line_; // copying it throws nothing
};

namespace detail {

// fail throws. The line is that of the C struct if it is about this code.
[[noreturn]] inline void fail(int code, const char *line)
{
	std::string_view text = annulus_strerror(code);
	if (line != nullptr && std::string_view(line).starts_with(text))
		throw error(static_cast<errc>(code), line);
	throw error(static_cast<errc>(code));
}

inline void check(int code, const char *line)
{
	if (code != ANNULUS_OK)
		fail(code, line);
}

inline bool ordinary(int code) noexcept { return code >= ANNULUS_FULL && code <= ANNULUS_CANCELLED; }

// answered keeps an ordinary answer as the endpoint's status and tells whether it was
// ok; it throws what is not ordinary.
template <class E> bool answered(E &e, int code)
{
	e.status = code;
	if (code == ANNULUS_OK) [[likely]]
		return true;
	if (ordinary(code))
		return false;
	fail(code, e.c.detail);
}

// mismatch throws that the ring is another than the caller takes it for.
template <class... Args> [[noreturn]] void mismatch(const char *format, Args... args)
{
	char line[ANNULUS_DETAIL];
	annulus_fail_(line, ANNULUS_INVALID, format, args...);
	throw error(errc::invalid, line);
}

} // namespace detail
} // namespace annulus

#endif

// What values of a type look like in memory: the fingerprint that Go's typed rings have in
// their header, of kinds and offsets, not of names. Included by annulus.hpp.
#ifndef ANNULUS_ELEMENT_HPP
#define ANNULUS_ELEMENT_HPP

#include <array>
#include <complex>
#include <cstdint>

#include "annulus_base.hpp"

namespace annulus {

// print is the FNV-1a of a description.
class print {
public:
	constexpr void add(std::string_view s)
	{
		for (char c : s)
			hash_ = (hash_ ^ static_cast<unsigned char>(c)) * UINT64_C(0x100000001b3);
	}
	constexpr void add(std::uint64_t n)
	{
		char digits[20];
		int k = 0;
		do
			digits[k++] = static_cast<char>('0' + n % 10);
		while (n /= 10);
		while (k > 0)
			add(std::string_view(&digits[--k], 1));
	}
	constexpr std::uint64_t value() const { return hash_; }

private:
	std::uint64_t hash_ = UINT64_C(0xcbf29ce484222325);
};

// element<T>::describe(p, offset) adds a T at an offset. Numbers, enums, bool, std::complex and
// arrays of what is described are; a struct is by ANNULUS_ELEMENT.
template <class T> struct element;

template <class T>
concept described = requires(print &p) { element<T>::describe(p, std::size_t{}); };

template <class T>
	requires(std::is_arithmetic_v<T> && sizeof(T) <= 8)
struct element<T> {
	static constexpr void describe(print &p, std::size_t at)
	{
		if constexpr (std::is_same_v<T, bool>) {
			p.add("bool");
		} else {
			p.add(std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint");
			p.add(8 * sizeof(T));
		}
		p.add("@");
		p.add(at);
		p.add(";");
	}
};

template <class T>
	requires std::is_enum_v<T>
struct element<T> : element<std::underlying_type_t<T>> {};

template <class F> struct element<std::complex<F>> {
	static constexpr void describe(print &p, std::size_t at)
	{
		p.add("complex");
		p.add(16 * sizeof(F));
		p.add("@");
		p.add(at);
		p.add(";");
	}
};

template <described T, std::size_t N> struct element<T[N]> {
	static constexpr void describe(print &p, std::size_t at)
	{
		p.add("[");
		p.add(N);
		p.add("@");
		p.add(at);
		p.add("]");
		element<T>::describe(p, at);
	}
};

template <described T, std::size_t N> struct element<std::array<T, N>> : element<T[N]> {};

// fingerprint is that of T, 0 if T is not described.
template <class T> constexpr std::uint64_t fingerprint()
{
	if constexpr (described<T>) {
		print p;
		element<T>::describe(p, 0);
		return p.value();
	} else {
		return 0;
	}
}

} // namespace annulus

// ANNULUS_ELEMENT(T, field, ...) describes the struct T, outside of all namespaces: every field, in
// order. Go describes the same fields in the same way; its int and uint are not int64 and uint64 there.
#define ANNULUS_ELEMENT(T, ...)                                                                        \
	template <> struct annulus::element<T> {                                                       \
		static constexpr void describe(print &p, std::size_t at)                               \
		{                                                                                      \
			using type_ = T;                                                               \
			static_assert(std::is_standard_layout_v<type_>, "annulus: fields without an offset"); \
			ANNULUS_EACH_(ANNULUS_FIELD_, __VA_ARGS__)                                     \
		}                                                                                      \
	};
#define ANNULUS_FIELD_(field) element<decltype(type_::field)>::describe(p, at + offsetof(type_, field));

// Up to 256 fields.
#define ANNULUS_PARENS_ ()
#define ANNULUS_X4_(...) ANNULUS_X3_(ANNULUS_X3_(ANNULUS_X3_(ANNULUS_X3_(__VA_ARGS__))))
#define ANNULUS_X3_(...) ANNULUS_X2_(ANNULUS_X2_(ANNULUS_X2_(ANNULUS_X2_(__VA_ARGS__))))
#define ANNULUS_X2_(...) ANNULUS_X1_(ANNULUS_X1_(ANNULUS_X1_(ANNULUS_X1_(__VA_ARGS__))))
#define ANNULUS_X1_(...) __VA_ARGS__
#define ANNULUS_EACH_(m, ...) __VA_OPT__(ANNULUS_X4_(ANNULUS_STEP_(m, __VA_ARGS__)))
#define ANNULUS_STEP_(m, a, ...) m(a) __VA_OPT__(ANNULUS_AGAIN_ ANNULUS_PARENS_(m, __VA_ARGS__))
#define ANNULUS_AGAIN_() ANNULUS_STEP_

#endif

// What selftest.cpp checks of the endpoints and their guards.
#include "selftest.hpp"

void test_errors(const std::string &dir)
{
	pair t(dir, small);
	CHECK(fails(an::errc::exists, [&] { an::ring::create_file(t.path, small); }));
	CHECK(fails(an::errc::not_found, [&] { an::ring::open_file(t.path + "-not"); }));
	CHECK(fails(an::errc::not_ring, [&] { an::ring::open_file(dir); }));
	CHECK(fails(an::errc::invalid, [&] { an::ring::open("a/b"); }));
	CHECK(fails(an::errc::geometry, [&] { an::ring::create_file(t.path + "-not", {.capacity = 5000}); }));
	CHECK(fails(an::errc::attached, [&] { t.ring.producer(); }));
	CHECK(fails(an::errc::permission, [&] { an::ring::open_file(t.path, true).consumer(); }));
	CHECK(fails(an::errc::invalid, [] { an::ring().producer(); }));
	CHECK(fails(an::errc::invalid, [] { an::producer().send(""); }));
	CHECK(fails(an::errc::invalid, [] { (void)an::consumer().try_peek(); }));
	CHECK(fails(an::errc::too_large, [&] { t.p.send(std::string(5000, 'x')); }));
	CHECK(!an::ring::remove_file(t.path + "-not"));

	std::error_code code = an::errc::timed_out;
	CHECK(code.category() == an::category() && code.message() == "timed out" && code == std::errc::timed_out);
	CHECK(make_error_code(an::errc::full) == std::errc::resource_unavailable_try_again && !std::error_code(an::errc::ok));
	CHECK(make_error_code(an::errc::corrupt).message() == "ring corrupt" && make_error_code(an::errc::system) != std::errc::io_error);

	std::string name = "annulus-selftest-" + std::to_string(getpid());
	an::ring made = an::ring::open_or_create(name, many), same = an::ring::open_or_create(name, many);
	an::config other = many;
	other.fixed = true;
	CHECK(fails(an::errc::invalid, [&] { an::ring::open_or_create(name, other); }));
	CHECK(made.members() == 6 && same.slot_size() == 24 && !same.redelivers() && same.topology() == an::topology::mpmc);
	CHECK(an::ring::remove(name) && !an::ring::remove(name) && fails(an::errc::not_found, [&] { an::ring::open(name); }));
}

void test_sending(const std::string &dir)
{
	pair t(dir, small);
	const std::string s = "string";
	std::vector<std::byte> v(3, std::byte{'v'});
	const std::array<unsigned char, 2> a{'a', 'b'};
	t.p.send("literal");
	t.p.send(s);
	t.p.send(std::string_view(s).substr(3));
	CHECK(t.p.try_send(v) && t.p.send(std::span(v).first(1), 1s) && t.p.try_send(a) && t.p.try_send(""));
	CHECK(t.got() == strings{"literal", "string", "ing", "vvv", "v", "ab", ""});
	CHECK(t.c.status() == an::errc::empty && !t.c.ended());
	while (t.p.try_send(std::string(1000, 'x')))
		;
	CHECK(t.p.status() == an::errc::full && !t.p.send(std::string(1000, 'x'), 5ms) && t.p.status() == an::errc::timed_out);
	CHECK(t.got().size() == 3 && t.p.committed() > 3000);
	t.c.detach();
	CHECK(!t.c && fails(an::errc::closed, [&] { t.p.send("nobody"); }));
	CHECK(fails(an::errc::invalid, [&] { t.c.detach(); }));

	pair u(dir, slots);
	CHECK(fails(an::errc::size, [&] { u.p.send("short"); }) && u.p.try_send("12345678") && u.got() == strings{"12345678"});
}

void test_reservations(const std::string &dir)
{
	pair t(dir, small);
	auto fill = [](an::reservation &r, std::string_view s) { std::memcpy(r.data(), s.data(), s.size()); };
	{
		an::reservation r = t.p.reserve(100);
		CHECK(r && r.size() == 100 && r.bytes().data() == r.data());
		fill(r, "first");
		CHECK(fails(an::errc::reserved, [&] { t.p.send("x"); }) && fails(an::errc::reserved, [&] { (void)t.p.try_reserve(1); }));
		CHECK(fails(an::errc::reserved, [&] { t.p.detach(); }) && fails(an::errc::too_large, [&] { r.commit(101); }));
		an::reservation moved = std::move(r);
		CHECK(!r && fails(an::errc::not_reserved, [&] { r.commit(); }));
		moved.commit(5);
		CHECK(!moved);
	}
	{
		an::reservation given_up = t.p.reserve(50);
		given_up = {};
		an::reservation too = t.p.reserve(50);
	}
	for (auto s : {"one", "two"}) {
		an::reservation r = t.p.reserve(3);
		fill(r, s);
		r.stage();
	}
	CHECK(t.got() == strings{"first"});
	t.p.publish();
	CHECK(t.got() == strings{"one", "two"});
	CHECK(fails(an::errc::too_large, [&] { (void)t.p.reserve(5000); }));
	while (t.p.try_reserve(1000))
		CHECK(t.p.try_send(std::string(1000, 'x')));
	CHECK(!t.p.reserve(1000, 5ms) && t.p.status() == an::errc::timed_out);
}

void test_receiving(const std::string &dir)
{
	pair t(dir, small);
	std::string s;
	std::vector<unsigned char> v;
	std::array<std::byte, 4> room;
	for (auto m : {"one", "two", "three", "four"})
		t.p.send(m);
	CHECK(t.c.recv(s) && s == "one" && t.c.recv(v, 1s) && v == std::vector<unsigned char>{'t', 'w', 'o'});
	CHECK(fails(an::errc::too_small, [&] { (void)t.c.recv_into(room); }));
	{
		an::message m = t.c.peek(), n = t.c.try_peek(), none = t.c.try_peek();
		CHECK(m && m.text() == "three" && m.size() == 5 && n.text() == "four" && m.redelivered() == 0 && !none);
		CHECK(fails(an::errc::held, [&] { (void)t.c.recv(s); }) && fails(an::errc::held, [&] { t.c.detach(); }));
		m.release();
		CHECK(!m && n.text() == "four" && t.c.handle()->peeked == 2);
		an::message moved = std::move(n);
		CHECK(!n && moved.text() == "four");
		n = std::move(moved);
		CHECK(n.text() == "four" && !moved);
	}
	CHECK(t.c.handle()->peeked == 0 && t.c.handle()->messages == 4);
	CHECK(!t.c.recv_into(room, 5ms) && t.c.status() == an::errc::timed_out && !t.c.try_recv_into(room));
	t.p.send("five");
	t.p.detach();
	CHECK(t.c.recv_into(room).value() == 4 && !t.c.peek() && t.c.ended() && !t.c.recv(s) && t.c.ended());
	t.p = t.ring.producer();
	CHECK(!t.c.try_recv(s) && !t.c.ended());
}

void test_batches(const std::string &dir)
{
	pair t(dir, small);
	const strings three{"one", "two", "three"};
	const std::list<std::string_view> two{"four", "five"};
	CHECK(t.p.send_batch(three) == 3 && t.p.send_batch(two) == 2 && t.p.send_batch(strings{}) == 0);
	std::array<an::message_view, 4> room;
	strings got;
	{
		an::batch b = t.c.peek_batch(room);
		CHECK(b && b.size() == 4 && b[3].text() == "four");
		for (const an::message_view &m : b)
			got.emplace_back(m.text());
		CHECK(t.c.handle()->peeked == 4);
	}
	CHECK(t.c.handle()->peeked == 0 && got == strings{"one", "two", "three", "four"});
	an::batch b = t.c.peek_batch(room);
	CHECK(b.size() == 1);
	b.release();
	CHECK(!b && !t.c.peek_batch(room, 5ms) && fails(an::errc::invalid, [&] { (void)t.c.peek_batch({}); }));
	const std::deque<std::string> more(8, std::string(1000, 'x'));
	CHECK(t.p.send_batch(more, 5ms) == 3 && t.p.status() == an::errc::timed_out && t.got().size() == 3);
	const strings bad{"good", std::string(5000, 'x'), "never"};
	CHECK(fails(an::errc::too_large, [&] { t.p.send_batch(bad); }) && t.got() == strings{"good"});
}

void test_ranges(const std::string &dir)
{
	pair t(dir, small);
	t.p.send_batch(strings{"one", "two", "three", "four"});
	strings got;
	for (auto msg : t.c.messages()) {
		got.emplace_back(msg.text());
		if (got.size() == 2)
			break; // it counts as received
	}
	CHECK(got == strings{"one", "two"} && t.c.handle()->messages == 2);
	for (auto msg : t.c.messages(5ms))
		got.emplace_back(msg.text());
	CHECK(got == strings{"one", "two", "three", "four"} && t.c.status() == an::errc::timed_out);
	t.p.send("five");
	t.p.detach();
	auto upper = t.c.messages();
	for (auto text : upper | std::views::transform([](an::message_view m) { return std::string(m.text()); }))
		got.push_back(text);
	CHECK(got.back() == "five" && t.c.ended());
}

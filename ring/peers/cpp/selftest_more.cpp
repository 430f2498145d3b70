// What selftest.cpp checks of the other topologies, and of cells.
#include "selftest.hpp"

#include <algorithm>

// Many producers, in lanes and in one order: one consumer, each one's messages in their order.
static void many_to_one(const std::string &dir, an::topology topology)
{
	pair t(dir, {.topology = topology, .capacity = 4096, .members = 4});
	an::producer p2 = t.ring.producer({.tag = 9});
	t.p.send_batch(strings{"a1", "a2"});
	p2.send_batch(strings{"b1", "b2"});
	t.p.send("a3");
	p2.reserve(100).abort();
	strings all = t.got();
	CHECK(std::ranges::is_permutation(all, strings{"a1", "a2", "a3", "b1", "b2"}));
	for (auto from : {'a', 'b'}) {
		strings own;
		std::ranges::copy_if(all, std::back_inserter(own), [&](const std::string &s) { return s[0] == from; });
		CHECK(std::ranges::is_sorted(own));
	}
	CHECK(fails(an::errc::attached, [&] { t.ring.producer({.tag = 9}); }) && fails(an::errc::attached, [&] { t.ring.consumer(); }));
	CHECK(p2.committed() > 0 && t.ring.recover() == 0 && t.ring.members() == 4);
	std::array<an::message_view, 8> room;
	t.p.send("x");
	p2.send("y");
	CHECK(t.c.peek_batch(room).size() > 0);
	t.p.detach();
	while (t.c.try_peek())
		;
	CHECK(!t.c.ended()); // the other is still there
	p2.detach();
	CHECK(!t.c.peek() && t.c.ended());
}

void test_topologies(const std::string &dir)
{
	many_to_one(dir, an::topology::mpsc);
	many_to_one(dir, an::topology::mpsc_ordered);
	pair lanes(dir, {.kind = an::kind::slots, .topology = an::topology::mpsc, .capacity = 4, .slot_size = 2, .members = 2});
	an::producer other = lanes.ring.producer();
	CHECK(lanes.p.try_send("ab") && other.try_send("cd") && lanes.got().size() == 2 && fails(an::errc::size, [&] { other.send("x"); }));
}

void test_broadcast(const std::string &dir)
{
	an::config config{.topology = an::topology::broadcast, .capacity = 4096};
	pair t(dir, config);
	CHECK(t.ring.overruns() == an::overrun::overwrite);
	an::consumer lossy = t.ring.consumer({.lossy = true});
	an::consumer looking = an::ring::open_file(t.path, true).consumer();
	t.p.send_batch(strings{"one", "two"});
	CHECK(t.got() == strings{"one", "two"});
	{
		an::message m = looking.peek();
		CHECK(m.text() == "one" && fails(an::errc::held, [&] { (void)looking.try_peek(); })); // a copy, one at a time
	}
	an::consumer late = t.ring.consumer({.backlog = true});
	CHECK(late.try_peek().size() == 3);
	for (int i = 0; i < 10; i++)
		t.p.send(std::string(800, static_cast<char>('a' + i)));
	std::string s;
	CHECK(lossy.recv(s) && s == std::string(800, 'j') && lossy.missed() == 11 && t.p.dropped() == 0);
	CHECK(fails(an::errc::overrun, [&] { (void)t.c.try_peek(); }) && t.c.try_peek().text() == s && t.c.missed() == 9);
	CHECK(fails(an::errc::overrun, [&] { (void)looking.recv(s); }) && looking.recv(s, 1s) && s[0] == 'j' && looking.missed() == 10);

	config.overrun = an::overrun::drop;
	pair d(dir, config);
	while (d.p.dropped() == 0)
		d.p.send(std::string(800, 'x'));
	std::array<an::message_view, 8> room;
	CHECK(d.ring.overruns() == config.overrun && d.c.peek_batch(room).size() > 1);
	config.overrun = an::overrun::block;
	pair b(dir, config);
	while (b.p.try_send(std::string(800, 'x')))
		;
	CHECK(b.p.status() == an::errc::full && b.got().size() > 1 && b.p.try_send("y"));
	b.c.detach();
	for (int i = 0; i < 10; i++)
		CHECK(b.p.try_send(std::string(800, 'x'))); // nobody is waited for
	CHECK(fails(an::errc::invalid, [&] { an::ring::create_file(t.path + "-not", {.overrun = an::overrun::block}); }));
}

struct state {
	std::uint64_t number;
	float level[4];
};
ANNULUS_ELEMENT(state, number, level)

void test_cells(const std::string &dir)
{
	std::string path = dir + "/selftest-cell-" + std::to_string(getpid());
	an::cell block = an::cell::create_file(path, 100, true);
	an::cell_writer w = block.writer();
	an::cell_reader r = block.reader(), looking = an::cell::open_file(path, true).reader();
	std::string s;
	std::vector<std::byte> v;
	CHECK(block.is_block() && block.size() == 100 && w.version() == 0 && !r.load(s) && r.version() == 0);
	CHECK(!r.next(s, 5ms) && r.status() == an::errc::timed_out);
	w.write("first");
	CHECK(r.load(s) && s == "first" && r.version() == 1 && looking.load(v) && v.size() == 5);
	{
		an::draft d = w.begin();
		std::memset(d.bytes().data(), 'x', 100);
		CHECK(r.load(s) && s == "first" && fails(an::errc::reserved, [&] { (void)w.begin(); }));
		CHECK(fails(an::errc::too_large, [&] { d.commit(101); }));
		an::draft moved = std::move(d);
		moved.commit(60);
		CHECK(fails(an::errc::not_reserved, [&] { moved.commit(); }));
		w.begin().abort();
	}
	CHECK(r.next(s) && s == std::string(60, 'x') && r.version() == 2 && looking.next(v) && v.size() == 60);
	CHECK(fails(an::errc::attached, [&] { block.writer(); }) && fails(an::errc::too_large, [&] { w.write(std::string(101, 'y')); }));
	w.write("");
	CHECK(r.next(s) && s.empty() && r.version() == 3);
	{
		std::stop_source source;
		std::jthread stopper([&] { source.request_stop(); });
		CHECK(!r.next(s, source.get_token()) && r.status() == an::errc::cancelled);
	}
	{
		std::jthread writer([w = std::move(w)]() mutable { w.write("last"); });
		CHECK(r.next(s) && s == "last" && !r.next(s) && r.ended() && r.version() == 4);
	}
	an::ring::remove_file(path);

	an::cell cell = an::cell::create_file(path, sizeof(state));
	auto typed = cell.writer_of<state>();
	auto reader = cell.reader_of<state>(an::wait::spin);
	CHECK(!reader.load());
	typed.write({7, {1, 2, 3, 4}});
	typed.write({8, {1, 2, 3, 5}});
	CHECK(reader.load()->number == 8 && reader.version() == 2 && !reader.next(5ms) && typed.version() == 2);
	CHECK(fails(an::errc::invalid, [&] { cell.reader_of<double>(); }) && fails(an::errc::invalid, [&] { block.reader_of<state>(); }));
	CHECK(fails(an::errc::size, [&] { typed.base().write("short"); }) && fails(an::errc::not_ring, [&] { an::ring::open_file(path); }));
	typed = {};
	CHECK(!reader.next() && reader.base().ended());
	an::ring::remove_file(path);
}

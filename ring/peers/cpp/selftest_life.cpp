// What selftest.cpp checks of lifetimes, waits, types, and rings of many.
#include "selftest.hpp"

// Who goes in which order matters to nobody.
void test_lifetimes(const std::string &dir)
{
	an::message last;
	std::string_view text;
	{
		pair t(dir, small);
		t.ring = {};
		t.p.send("still there");
		last = t.c.peek();
		text = last.text();
		t.p.send("left behind");
	}
	CHECK(text == "still there" && last);
	last.release();

	pair t(dir, small);
	an::reservation open = t.p.reserve(8);
	{
		an::producer gone = std::move(t.p);
	}
	CHECK(!t.p && t.ring.attached(an::role::producer)); // as long as the reservation is open
	open.abort();
	CHECK(!t.ring.attached(an::role::producer));
	t.p = t.ring.producer();
	std::thread elsewhere([p = std::move(t.p)]() mutable { p.send("moved"); });
	elsewhere.join();
	CHECK(t.got() == strings{"moved"} && t.c.ended());
	t.c = {};
	CHECK(!t.ring.attached(an::role::consumer));
	t.c = t.ring.consumer({.wait = an::wait::spin});
	t.p = t.ring.producer({.wait = an::wait::semaphore});
	t.p.send("again");
	CHECK(t.got() == strings{"again"});
}

// asleep waits until a consumer of the ring has announced a sleep.
static void asleep(const an::consumer &c)
{
	auto &sleep = c.handle()->e.sleep;
	while (static_cast<std::uint32_t>(ANNULUS_LOAD_(sleep.arm)) != ANNULUS_LOAD_(sleep.seq))
		std::this_thread::yield();
}

void test_waits(const std::string &dir)
{
	pair t(dir, small);
	using clock = std::chrono::steady_clock;
	CHECK(!t.c.peek(0s) && t.c.status() == an::errc::timed_out && !t.c.peek(clock::now()) && !t.c.peek(-1h));
	CHECK(an::until(1us).left() <= 1 && an::until(std::chrono::hours::max()).left() == -1 && an::until(24h * 365).left() == INT_MAX);
	CHECK(an::until(0.5s).left() > 0 && an::until().left() == -1);

	std::stop_source before;
	before.request_stop();
	CHECK(!t.c.peek(before.get_token()) && t.c.status() == an::errc::cancelled);
	CHECK(!t.c.peek(5ms) && t.c.status() == an::errc::timed_out); // a token ends one wait, not all

	{
		std::stop_source source;
		std::jthread stopper([&] {
			asleep(t.c);
			source.request_stop();
		});
		CHECK(!t.c.peek({1h, source.get_token()}) && t.c.status() == an::errc::cancelled);
	}
	t.p.send("there");
	CHECK(t.got() == strings{"there"});
	{
		std::jthread waker([&] {
			asleep(t.c);
			t.p.send("woken");
		});
		CHECK(t.c.peek(std::stop_source().get_token()).text() == "woken");
	}
	{
		std::jthread canceller([&] {
			asleep(t.c);
			t.c.cancel();
		});
		std::string s;
		CHECK(!t.c.recv(s) && t.c.status() == an::errc::cancelled);
	}
	std::stop_source unused;
	CHECK(!t.c.peek({1h, unused.get_token()}) && t.c.status() == an::errc::cancelled); // that is for good
	t.p.cancel();
	while (t.p.try_send(std::string(1000, 'x')))
		;
	CHECK(fails(an::errc::cancelled, [&] { t.p.send(std::string(1000, 'x')); }));
	CHECK(!t.p.send(std::string(1000, 'x'), 1h) && !t.p.reserve(1000) && t.p.status() == an::errc::cancelled);
}

struct sample {
	std::uint64_t number;
	double value;
};
struct point {
	double x, y;
};
ANNULUS_ELEMENT(sample, number, value)
ANNULUS_ELEMENT(point, x, y)

void test_typed(const std::string &dir)
{
	pair t(dir, an::slots_of<sample>(4, "sample"), false);
	auto p = t.ring.producer_of<sample>();
	auto c = t.ring.consumer_of<sample>();
	p.send({1, 0.5});
	CHECK(p.try_send({2, 1.5}));
	{
		auto s = p.reserve();
		*s = {3, 2.5};
		s->value = 3.5;
		s.commit();
	}
	CHECK(p.send({4, 4.5}, 1s) && !p.try_send({5, 5.5}) && p.status() == an::errc::full && !p.try_reserve());
	CHECK(c.recv()->number == 1);
	{
		auto i = c.peek();
		CHECK(i && i->number == 2 && (*i).value == 1.5);
	}
	CHECK(c.try_recv().value().value == 3.5 && c.try_recv()->number == 4 && !c.try_recv() && !c.recv(5ms));
	const std::vector<sample> batch{{6, 0}, {7, 0}, {8, 0}};
	CHECK(p.send_batch(batch) == 3 && c.recv()->number == 6);
	p = {};
	CHECK(c.recv()->number == 7 && c.recv()->number == 8 && !c.recv() && c.ended());
	CHECK(t.ring.fingerprint() == an::fingerprint<sample>() && t.ring.element() == "sample");
	CHECK(fails(an::errc::invalid, [&] { t.ring.producer_of<point>(); })); // of the same size
	CHECK(fails(an::errc::invalid, [&] { t.ring.producer_of<float>(); }) && !t.ring.attached(an::role::producer));

	pair bytes(dir, small, false);
	CHECK(fails(an::errc::invalid, [&] { bytes.ring.consumer_of<sample>(); }));
	pair loose(dir, {.topology = an::topology::mpmc, .capacity = 4, .slot_size = sizeof(sample)}, false);
	loose.ring.producer().send("short");
	CHECK(fails(an::errc::size, [&] { (void)loose.ring.consumer_of<sample>().recv(); }));
}

// Rings of many producers and consumers: what dies is settled, batches part, threads share a ring.
void test_many(const std::string &dir)
{
	an::config config = many;
	config.redeliver = true;
	pair t(dir, config);
	an::producer p2 = t.ring.producer({.tag = 9});
	an::consumer c2 = t.ring.consumer();
	CHECK(fails(an::errc::attached, [&] { t.ring.producer({.tag = 9}); }) && p2.committed() == 0);
	CHECK(fails(an::errc::invalid, [&] { t.ring.producer({.wait = an::wait::semaphore}); }));
	t.p.send_batch(strings{"one", "two", "three"});
	{
		an::message one = t.c.peek(), two = c2.peek();
		CHECK(one.text() == "one" && two.text() == "two" && fails(an::errc::held, [&] { (void)t.c.try_peek(); }));
	}
	p2.send("four");
	CHECK(p2.committed() == 1 && t.got() == strings{"three", "four"});
	t.p.reserve(10).abort(); // stepped over
	t.p.send("precious");
	{
		an::message m = t.c.peek();
		annulus_unlock_(t.ring.handle(), t.c.handle()->e.mine.lock); // as its death would
		an::message again = c2.peek(10s);
		CHECK(again.text() == "precious" && again.redelivered() == 1);
	}
	CHECK(t.ring.recover() == 0 && t.ring.redelivers());

	pair crowd(dir, many, false);
	constexpr std::uint64_t each = 20000;
	std::atomic<std::uint64_t> sum = 0, n = 0;
	{
		an::producer open = crowd.ring.producer();
		std::vector<std::jthread> threads;
		std::atomic<int> ready = 0;
		for (int i = 0; i < 2; i++)
			threads.emplace_back([&] {
				an::consumer c = crowd.ring.consumer();
				ready++;
				for (auto msg : c.messages()) {
					std::uint64_t v;
					std::memcpy(&v, msg.data(), sizeof(v));
					sum += v;
					n++;
				}
			});
		while (ready < 2)
			std::this_thread::yield();
		for (std::uint64_t i = 0; i < 2; i++)
			threads.emplace_back([&, i] {
				an::producer p = crowd.ring.producer();
				for (std::uint64_t v = i * each; v < (i + 1) * each; v++)
					p.send(std::as_bytes(std::span(&v, 1)));
				ready++;
			});
		while (ready < 4)
			std::this_thread::yield();
		open.detach();
	}
	CHECK(n == 2 * each && sum == each * (2 * each - 1));
}

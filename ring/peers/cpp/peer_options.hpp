// The options of peer. ../PROGRAM.md says what they mean.
#ifndef ANNULUS_PEER_OPTIONS_HPP
#define ANNULUS_PEER_OPTIONS_HPP

#include <getopt.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "annulus.hpp"
#include "peer_payload.h"

struct options {
	static constexpr std::uint64_t all = UINT64_MAX;

	std::uint64_t count = all, start = 0, batch = 1, checks = 1, die_after = 0, tag = 0, per_sender = 0, until = 0, warm = 0;
	stream messages{.seed = 0, .min = 12, .max = 1024};
	bool sized = false, cut = false, any = false, hold = false, announce = false, backlog = false, readonly = false, lossy = false, resume = false;
	bool block = false; // cell create
	annulus::wait wait = annulus::wait::futex;
	std::optional<std::chrono::milliseconds> timeout;
	annulus::config config; // of create; its kind also of the ring that is wanted
	std::vector<std::string> words;

	annulus::until limit() const { return timeout ? annulus::until(*timeout) : annulus::until(); }
};

// usage_error is thrown for a command line that means nothing.
struct usage_error : std::runtime_error {
	using std::runtime_error::runtime_error;
};

inline std::uint64_t number(std::string_view option, std::string_view s)
{
	std::uint64_t n = 0;
	auto [end, err] = std::from_chars(s.data(), s.data() + s.size(), n);
	if (err != std::errc() || end != s.data() + s.size())
		throw usage_error("--" + std::string(option) + " " + std::string(s) + ": want a number");
	return n;
}

// choice finds a word and returns what it stands for.
template <class T> T choice(std::string_view option, std::string_view word, std::initializer_list<std::pair<std::string_view, T>> all)
{
	std::string known;
	for (auto &[name, value] : all) {
		if (name == word)
			return value;
		known += " " + std::string(name);
	}
	throw usage_error("--" + std::string(option) + " " + std::string(word) + ": want one of" + known);
}

inline options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{"count", 1, nullptr, 0}, {"start", 1, nullptr, 0}, {"size", 1, nullptr, 0}, {"seed", 1, nullptr, 0},
		{"wait", 1, nullptr, 0}, {"kind", 1, nullptr, 0}, {"batch", 1, nullptr, 0}, {"timeout", 1, nullptr, 0},
		{"checks", 1, nullptr, 0}, {"die-after", 1, nullptr, 0}, {"tag", 1, nullptr, 0}, {"per-sender", 1, nullptr, 0},
		{"capacity", 1, nullptr, 0}, {"members", 1, nullptr, 0}, {"topology", 1, nullptr, 0},
		{"overrun", 1, nullptr, 0}, {"until", 1, nullptr, 0}, {"warm", 1, nullptr, 0}, {"backlog", 0, nullptr, 0}, {"readonly", 0, nullptr, 0}, {"lossy", 0, nullptr, 0},
		{"resume", 0, nullptr, 0}, {"cut", 0, nullptr, 0}, {"any", 0, nullptr, 0}, {"hold", 0, nullptr, 0}, {"announce", 0, nullptr, 0},
		{"mpmc", 0, nullptr, 0}, {"fixed", 0, nullptr, 0}, {"redeliver", 0, nullptr, 0}, {},
	};
	options o;
	opterr = 0;
	for (int i = 0, c; (c = getopt_long(argc, argv, "", names, &i)) != -1;) {
		if (c != 0)
			throw usage_error(std::string(argv[optind - 1]) + ": no such option, or its value is missing");
		std::string_view name = names[i].name, value = optarg ? optarg : "";
		auto n = [&] { return number(name, value); };
		if (name == "count") o.count = n();
		else if (name == "start") o.start = n();
		else if (name == "seed") o.messages.seed = n();
		else if (name == "batch") o.batch = n();
		else if (name == "timeout") o.timeout = std::chrono::milliseconds(n());
		else if (name == "checks") o.checks = n();
		else if (name == "die-after") o.die_after = n();
		else if (name == "tag") o.tag = n();
		else if (name == "per-sender") o.per_sender = n();
		else if (name == "capacity") o.config.capacity = n();
		else if (name == "members") o.config.members = n();
		else if (name == "until") o.until = n();
		else if (name == "warm") o.warm = n();
		else if (name == "backlog") o.backlog = true;
		else if (name == "readonly") o.readonly = true;
		else if (name == "lossy") o.lossy = true;
		else if (name == "resume") o.resume = true;
		else if (name == "cut") o.cut = true;
		else if (name == "any") o.any = true;
		else if (name == "hold") o.hold = true;
		else if (name == "announce") o.announce = true;
		else if (name == "mpmc") o.config.topology = annulus::topology::mpmc;
		else if (name == "fixed") o.config.fixed = true;
		else if (name == "redeliver") o.config.redeliver = true;
		else if (name == "topology")
			o.config.topology = choice<annulus::topology>(name, value, {
				{"spsc", annulus::topology::spsc}, {"mpmc", annulus::topology::mpmc}, {"mpsc", annulus::topology::mpsc},
				{"mpsc-ordered", annulus::topology::mpsc_ordered}, {"broadcast", annulus::topology::broadcast}});
		else if (name == "overrun")
			o.config.overrun = choice<annulus::overrun>(name, value, {{"overwrite", annulus::overrun::overwrite},
				{"block", annulus::overrun::block}, {"drop", annulus::overrun::drop}});
		else if (name == "kind" && (value == "value" || value == "block"))
			o.block = value == "block"; // of a cell
		else if (name == "kind")
			o.config.kind = choice<annulus::kind>(name, value, {{"bytes", annulus::kind::records}, {"slots", annulus::kind::slots}});
		else if (name == "wait")
			o.wait = choice<annulus::wait>(name, value, {{"spin", annulus::wait::spin}, {"futex", annulus::wait::futex},
								     {"semaphore", annulus::wait::semaphore}});
		else if (name == "size") {
			auto colon = value.find(':');
			o.sized = true;
			o.messages.min = number(name, value.substr(0, colon));
			o.messages.max = colon == value.npos ? o.messages.min : number(name, value.substr(colon + 1));
		}
	}
	if (o.batch == 0 || o.messages.min > o.messages.max || o.messages.max > ANNULUS_MAX_MESSAGE)
		throw usage_error("--batch 0, or --size of less than nothing or more than a message");
	o.words.assign(argv + optind, argv + argc);
	return o;
}

#endif

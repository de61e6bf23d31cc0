package sizing

import "math"

// Tiers is a job that saves to a fast tier at an interval, such as the memory or the disks of the nodes, and makes every
// nth of these saves a durable one.
type Tiers struct {
	// Durable is the same job with the durable tier alone.
	Durable Job
	// Fast is how long training stands still for a save to the fast tier, in seconds.
	Fast float64
	// Recovers is the share of failures after which the fast tier still has the newest checkpoint of all ranks.
	Recovers float64
}

// stop is how long training stands still for a durable save besides the fast one: an asynchronous one is written from
// the fast tier.
func (t Tiers) stop() float64 {
	if t.Durable.Behind > 0 {
		return 0
	}
	return t.Durable.Stop
}

// expected is the time that it takes on average until the next durable save is complete: so many seconds, and that part of
// the time from the first step, to which the job goes back after a failure that the fast tier does not survive.
type expected struct{ seconds, first float64 }

// chain says how the expected time at the beginning of a step follows from that at its end. A failure at a place costs
//
//	factor (constant + back from the beginning of the step + other from the first step)
//
// because a restart may fail, too, in both ways.
type chain struct {
	Tiers
	factor, constant, back, other float64
}

func (t Tiers) chain() chain {
	j := t.Durable
	fails := -math.Expm1(-j.Restart / j.Failure)
	other := 1 - t.Recovers
	return chain{
		Tiers: t, factor: 1 / (1 - t.Recovers*fails), other: other, back: t.Recovers * (1 - fails),
		constant: t.Recovers*j.Failure*fails + other*j.Failure*math.Expm1(j.Restart/j.Failure),
	}
}

// before returns the expected time at the beginning of that many steps of one length, which are done one after the other.
func (c chain) before(steps int, seconds float64, end expected) expected {
	fails := -math.Expm1(-seconds / c.Durable.Failure)
	again := fails * c.factor * c.back
	// Each step maps the time at its end to remains x it + what it takes; so do all of them, by a geometric series.
	log := -seconds/c.Durable.Failure - math.Log1p(-again)
	series := float64(steps)
	if log != 0 {
		series = math.Expm1(float64(steps)*log) / math.Expm1(log)
	}
	remains := math.Exp(float64(steps) * log)
	return expected{
		remains*end.seconds + series*(c.Durable.Failure*fails+fails*c.factor*c.constant)/(1-again),
		remains*end.first + series*fails*c.factor*c.other/(1-again),
	}
}

// Lost returns what is lost where a fast save begins at each interval and every nth is durable, exactly. After a failure
// that the fast tier survives, the job resumes from the last fast save, after any other from the last durable save that
// was complete, in which case the steps since are done again, each with its save. An asynchronous durable save is written
// on from where the job resumes.
func (t Tiers) Lost(interval float64, every int) Loss {
	j, c := t.Durable, t.chain()
	// The durable save begins with the first step, and is complete after done steps and a part of one.
	done := min(int(min(j.Behind/interval, mostEvery)), every-1)
	part := j.Behind - float64(done)*interval
	next := c.before(done, interval, c.before(1, part, expected{}))
	last := c.before(1, interval+t.stop(), next)
	at := func(step int) expected {
		if step == every {
			return next
		}
		return c.before(every-1-step, interval, last)
	}
	whole := at(0).seconds / (1 - at(0).first)
	from := func(e expected) float64 { return e.seconds + e.first*whole }

	// From where one durable save is complete to where the next is.
	rest := interval - part
	if done == every-1 {
		rest += t.stop()
	}
	fails := -math.Expm1(-rest / j.Failure)
	taken := j.Failure*fails + (1-fails)*from(at(done+1)) +
		fails*c.factor*(c.constant+c.back*from(at(done))+c.other*whole)
	if math.IsNaN(taken) {
		taken = math.Inf(1)
	}
	n := float64(every)
	return lossOf(interval, n*max(0, interval-t.Fast)/taken, (n*t.Fast+t.stop())/taken, j)
}

// Shortest is the shortest interval between fast saves that there can be: no durable save begins before the last one has been
// written.
func (t Tiers) Shortest(every int) float64 {
	return max(t.Fast, (t.Fast+t.Durable.Behind)/float64(every))
}

// Best returns the interval between fast saves, and the number of them for each durable one, at which Lost is smallest.
func (t Tiers) Best() (interval float64, every int) {
	every = smallest(1, func(n int) Share {
		_, lost := t.bestInterval(n)
		return lost
	})
	interval, _ = t.bestInterval(every)
	return interval, every
}

// BestEvery returns the number of fast saves for each durable one at which Lost is smallest, for one interval.
func (t Tiers) BestEvery(interval float64) int {
	// The best interval is often the shortest, which rounding must not make too short.
	least := max(1, math.Ceil((t.Fast+t.Durable.Behind)/interval-1e-9))
	return smallest(int(min(least, mostEvery)), func(n int) Share { return t.Lost(interval, n).Total })
}

// mostEvery bounds the search for the number of fast saves between durable ones.
const mostEvery = 1 << 12

// smallest returns the number from a least one on at which the cost is smallest, where it falls until there and rises from
// there on. It doubles the distance from the least until the cost rises, and then narrows the range down by thirds.
func smallest(least int, cost func(int) Share) int {
	low, high := least, least
	for before, step := cost(least), 1; least+step <= mostEvery; step *= 2 {
		next := cost(least + step)
		high = least + step
		if next > before {
			break
		}
		low, before = least+step/2, next
	}
	for high-low > 2 {
		third := (high - low) / 3
		if cost(low+third) <= cost(high-third) {
			high -= third
		} else {
			low += third
		}
	}
	best := low
	for n := low + 1; n <= high; n++ {
		if cost(n) < cost(best) {
			best = n
		}
	}
	return best
}

// bestInterval is the best interval for one number of fast saves between durable ones, by golden section over its
// logarithm.
func (t Tiers) bestInterval(every int) (float64, Share) {
	work := func(x float64) float64 { return t.Fast + math.Exp(x) }
	lost := func(x float64) Share { return t.Lost(work(x), every).Total }
	low := math.Log(max(t.Shortest(every)-t.Fast, 1e-6*t.Durable.Failure))
	high := max(low, math.Log(10*t.Durable.Failure))
	const golden = 0.6180339887498949
	a, b := high-golden*(high-low), low+golden*(high-low)
	atA, atB := lost(a), lost(b)
	for high-low > 1e-7 {
		if atA <= atB {
			high, b, atB = b, a, atA
			a = high - golden*(high-low)
			atA = lost(a)
		} else {
			low, a, atA = a, b, atB
			b = low + golden*(high-low)
			atB = lost(b)
		}
	}
	if edge := low; lost(edge) <= atA {
		return work(edge), lost(edge)
	}
	return work(a), atA
}

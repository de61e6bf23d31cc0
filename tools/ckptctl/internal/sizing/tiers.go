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

// step is one interval between fast saves, the time that it takes without a failure.
type step struct {
	seconds float64
	// survive is the probability that there is no failure in it.
	survive float64
}

func (t Tiers) step(seconds float64) step {
	return step{seconds, math.Exp(-seconds / t.Durable.Failure)}
}

// Lost returns what is lost where a fast save begins at each interval and every nth is durable, exactly. After a failure
// that the fast tier survives, the job resumes from the last fast save, after any other from the last durable save that
// was complete, in which case the steps since are done again, each with its save.
//
// The expected time from each step to the next complete durable save follows from that of the step after it and from
// that of the first step, to which all goes back; solving for the first gives them all.
func (t Tiers) Lost(interval float64, every int) Loss {
	j := t.Durable
	short, long := t.step(interval), t.step(interval+t.stop())
	// The durable save begins with the first step and is complete within step done, when that has still left to go.
	done, part := 0, j.Behind
	for done < every-1 && part >= short.seconds {
		done, part = done+1, part-short.seconds
	}
	at := func(i int) step {
		if (i+1)%every == 0 {
			return long
		}
		return short
	}

	lost, safe := -math.Expm1(-j.Restart/j.Failure), math.Exp(-j.Restart/j.Failure)
	other := 1 - t.Recovers
	// A failure in a step of which the expected time is v costs factor (constant + Recovers safe v + other first).
	factor := 1 / (1 - t.Recovers*lost)
	constant := t.Recovers*j.Failure*lost + other*j.Failure*math.Expm1(j.Restart/j.Failure)
	// before returns the expected time at the beginning of a step, as a sum and a part of the first step's, from the same
	// at its end.
	before := func(s step, sum, first float64) (float64, float64) {
		fail := (1 - s.survive) * factor
		own := 1 - fail*t.Recovers*safe
		return (j.Failure*-math.Expm1(-s.seconds/j.Failure) + s.survive*sum + fail*constant) / own,
			(s.survive*first + fail*other) / own
	}
	sum, first := before(t.step(part), 0, 0)
	sums, firsts := make([]float64, every+done+1), make([]float64, every+done+1)
	sums[every+done], firsts[every+done] = sum, first
	for i := every + done - 1; i >= 0; i-- {
		sum, first = before(at(i), sum, first)
		sums[i], firsts[i] = sum, first
	}
	whole := sum / (1 - first)

	// From where one durable save is complete to where the next is.
	rest := t.step(at(done).seconds - part)
	again := sums[done] + firsts[done]*whole
	taken := j.Failure*-math.Expm1(-rest.seconds/j.Failure) + rest.survive*(sums[done+1]+firsts[done+1]*whole) +
		(1-rest.survive)*factor*(constant+t.Recovers*safe*again+other*whole)
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

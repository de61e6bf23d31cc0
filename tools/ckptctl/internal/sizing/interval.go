package sizing

import "math"

// Job is a training run that saves at an interval, fails now and then, and resumes from the newest checkpoint. All
// fields are in seconds. Failures come independently of each other, so that the times between them are exponential.
//
// An interval is counted from the beginning of one save to the beginning of the next.
type Job struct {
	// Stop is how long training stands still for a save.
	Stop float64
	// Behind is how long an asynchronous save is still being written after that; 0 for a synchronous one.
	Behind float64
	// Failure is the mean time between failures of the job, any of whose GPUs stops it.
	Failure float64
	// Restart is how long a failure takes from the stop to the first new step.
	Restart float64
}

// Young is sqrt(2 Stop Failure): Young, "A first order approximation to the optimum checkpoint interval" (1974). It is
// near the best as long as failures are far apart.
func (j Job) Young() float64 { return j.atLeast(math.Sqrt(2 * j.Stop * j.Failure)) }

// Daly is the higher-order estimate: Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps"
// (2006). Its interval is the work between two saves, to which the save is added here.
func (j Job) Daly() float64 {
	half := j.Stop / (2 * j.Failure)
	if half >= 1 {
		return j.atLeast(j.Failure + j.Stop)
	}
	return j.atLeast(math.Sqrt(2*j.Stop*j.Failure) * (1 + math.Sqrt(half)/3 + half/9))
}

// Best is the interval at which Lost is smallest. There the work between two saves is Failure x, with
//
//	x + log(1 - x) + Stop/Failure = 0
//
// which is Failure (1 + W(-exp(-1 - Stop/Failure))) by Lambert's W. Neither Restart nor Behind moves it, but no save
// begins before the last one has been written.
func (j Job) Best() float64 {
	least, most := 0.0, 1.0
	for range 100 {
		x := (least + most) / 2
		if x+math.Log1p(-x)+j.Stop/j.Failure > 0 {
			least = x
		} else {
			most = x
		}
	}
	return j.atLeast(j.Stop + j.Failure*most)
}

// Shortest is the shortest interval that there can be: a save begins when the one before has been written.
func (j Job) Shortest() float64 { return j.Stop + j.Behind }

// atLeast holds an asynchronous save to Shortest. The synchronous formulas are left as published.
func (j Job) atLeast(interval float64) float64 {
	if j.Behind > 0 {
		return max(interval, j.Shortest())
	}
	return interval
}

// Loss is the share of all time in which training does not get on, at one interval.
type Loss struct {
	Interval Seconds `json:"intervalSeconds"`
	// Total is the sum of the three below.
	Total Share `json:"lostShare"`
	// Saving is the time in which training stands still for saves.
	Saving Share `json:"savingShare"`
	// Repeating is the time in which work and saves are done that a failure undoes.
	Repeating Share `json:"repeatingShare"`
	// Restarting is the time between a failure and the first new step.
	Restarting Share `json:"restartingShare"`
}

// Lost returns what is lost at an interval, exactly. The time that one interval takes on average is
//
//	Failure exp((Restart + Behind) / Failure) (exp(interval/Failure) - 1)
//
// For synchronous saves this is equation 20 of Daly (2006), failures during a restart included. A failure also undoes
// what an asynchronous save has not written yet: after the restart, the work of Behind comes before the next save is
// complete, and it must not fail either, as the restart must not.
func (j Job) Lost(interval float64) Loss {
	taken := j.Failure * math.Exp((j.Restart+j.Behind)/j.Failure) * math.Expm1(interval/j.Failure)
	return lossOf(interval, max(0, interval-j.Stop)/taken, min(j.Stop, interval)/taken, j)
}

// lossOf is the loss where that much of the time is useful and spent on saves that count. Each failure begins a restart,
// which lasts until it is complete or until the next failure.
func lossOf(interval, useful, saving float64, j Job) Loss {
	out := Loss{Interval: Seconds(interval), Saving: Share(saving), Restarting: Share(-math.Expm1(-j.Restart / j.Failure))}
	out.Total = Share(max(0, 1-useful))
	out.Repeating = max(0, out.Total-out.Saving-out.Restarting)
	return out
}

// rounded returns the loss as reports print it.
func (l Loss) rounded() Loss {
	return Loss{
		Interval: Seconds(significant(float64(l.Interval), 6)),
		Total:    Share(significant(float64(l.Total), 6)), Saving: Share(significant(float64(l.Saving), 6)),
		Repeating: Share(significant(float64(l.Repeating), 6)), Restarting: Share(significant(float64(l.Restarting), 6)),
	}
}

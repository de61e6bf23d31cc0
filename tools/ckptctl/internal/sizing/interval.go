package sizing

import "math"

// Job is a training run that saves at an interval, fails now and then, and resumes from the newest checkpoint. All
// fields are in seconds.
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

// Young is sqrt(2 Stop Failure): Young, "A first order approximation to the optimum checkpoint interval" (1974). It
// makes the time spent on saves and on work done again smallest, as long as failures are far apart.
func (j Job) Young() float64 { return j.atLeast(math.Sqrt(2 * j.Stop * j.Failure)) }

// Availability is Stop + sqrt(2 (Failure + Restart) Stop + Stop^2), the interval at which Lost is smallest: Saxena and
// others, "Optimal Checkpoint Interval with Availability as an Objective Function" (arXiv 2410.18124). It is Young's
// where Stop << Restart << Failure. What an asynchronous save loses besides counts as a part of the restart.
func (j Job) Availability() float64 {
	down := j.Failure + j.Restart + j.Behind
	return j.atLeast(j.Stop + math.Sqrt(2*down*j.Stop+j.Stop*j.Stop))
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
	// Repeating is the time in which work is done that a failure had undone.
	Repeating Share `json:"repeatingShare"`
	// Restarting is the time between a failure and the first new step.
	Restarting Share `json:"restartingShare"`
}

// Lost returns what is lost at an interval. Availability as in arXiv 2410.18124 is
//
//	(1 - Stop/interval) Failure / (Failure + Restart + Behind + interval/2)
//
// because a failure undoes half an interval of work on average, and what an asynchronous save had not yet written.
// The rest is lost. An interval no longer than Stop leaves nothing.
func (j Job) Lost(interval float64) Loss {
	again := interval/2 + j.Behind
	cycle := j.Failure + j.Restart + again
	out := Loss{
		Interval:   Seconds(interval),
		Saving:     Share(min(1, j.Stop/interval) * j.Failure / cycle),
		Repeating:  Share(again / cycle),
		Restarting: Share(j.Restart / cycle),
	}
	out.Total = out.Saving + out.Repeating + out.Restarting
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

"""What a method costs (Table IV): parameters, latency by part, memory, the encoders' one-off."""

from hcfres.evaluation.cost_old import Latency, Parameters, count_parameters, measure_latency

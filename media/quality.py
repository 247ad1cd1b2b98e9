"""What a listener would think of a stream: the E-model of ITU-T G.107, made simple."""

# G.107 with all its other parameters at their defaults.
_BEST = 93.2
# G.113, appendix I: how well G.711 with concealment bears losses that come at random. Opus and
# G.722 conceal as well or better, but the appendix has no figures for them on this scale.
_ROBUSTNESS = 25.1
# What the ends add to the way: a frame to fill, and a buffer of twice the jitter.
_FRAME_SECONDS = 0.02
# Beyond this delay people begin to talk into each other's words.
_TURN_MS = 177.3


def opinion(loss: float, jitter: float, round_trip: float | None, *, bursts: float = 1.0) -> float:
    """The mean opinion score, 1 to 4.4; `loss` is a fraction, jitter and round trip are seconds.

    `bursts` is BurstR, 1 or more: how many times longer the runs of lost packets are than they
    would be by chance. Wideband codecs count as G.711 does: the score tells what the way took from
    a call, and the narrowband scale has no room above.

    R = 93.2 - Id - Ie,eff, with the delay's Id as R. Cole and J. Rosenbluth reduced it ("Voice
    over IP Performance Monitoring", 2001), Ie,eff and the step from R to the score by G.107,
    equation 7-29 and annex B. A round trip that is not known counts as none.
    """
    delay_ms = 1000 * ((round_trip or 0.0) / 2 + 2 * jitter + _FRAME_SECONDS)
    of_delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _TURN_MS)
    percent = 100 * loss
    of_loss = 95 * percent / (percent / bursts + _ROBUSTNESS)
    rating = min(max(_BEST - of_delay - of_loss, 0.0), 100.0)
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return round(max(score, 1.0), 2)

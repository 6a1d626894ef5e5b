import pytest
import torch
import torch.nn.functional as F

from slowfast_thermal.models.losses import SigmoidLoss, SoftmaxLoss, class_weights

pytestmark = pytest.mark.usefixtures("on_device")


@pytest.fixture
def people():
    torch.manual_seed(0)
    target = torch.tensor([0, 2, 1, 2])
    return torch.randn(4, 3), target, F.one_hot(target, 3).float()


def test_with_equal_weights_it_is_torchs_cross_entropy(people):
    logits, target, labels = people
    torch.testing.assert_close(SoftmaxLoss(torch.ones(3))(logits, labels), F.cross_entropy(logits, target))


def test_weights_multiply_each_persons_loss(people):
    logits, target, labels = people
    weights = torch.tensor([1.0, 2.0, 4.0])
    expected = (weights[target] * F.cross_entropy(logits, target, reduction="none")).mean()
    torch.testing.assert_close(SoftmaxLoss(weights)(logits, labels), expected)


def test_focal_loss_by_its_formula(people):
    logits, target, labels = people
    p = logits.softmax(dim=1).gather(1, target[:, None])[:, 0]
    torch.testing.assert_close(
        SoftmaxLoss(torch.ones(3), gamma=2.0)(logits, labels), (-((1 - p) ** 2) * p.log()).mean()
    )


def test_two_actions_of_a_person_share_the_loss():
    logits, labels = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    log_p = logits.log_softmax(dim=1)[0]
    torch.testing.assert_close(SoftmaxLoss(torch.ones(3))(logits, labels), -(log_p[0] + log_p[2]) / 2)


def test_bce_is_torchs_on_logits(people):
    logits, _, labels = people
    torch.testing.assert_close(SigmoidLoss()(logits, labels), F.binary_cross_entropy(logits.sigmoid(), labels))


def test_class_weights_fall_with_the_counts_and_mean_one_over_the_boxes():
    counts = torch.tensor([100, 25, 1, 0])
    weights = class_weights(counts, power=0.5)
    torch.testing.assert_close(weights[:2] * torch.tensor([10.0, 5.0]), weights[2].repeat(2))
    assert weights[3] == weights[2]
    torch.testing.assert_close((weights * counts).sum() / counts.sum(), torch.tensor(1.0))
    torch.testing.assert_close(class_weights(counts, power=0.0), torch.ones(4))

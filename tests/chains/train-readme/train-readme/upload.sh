accelerate launch train_network.py --pretrained_model_name_or_path=model.safetensors --vae=vae.safetensors \
  --dataset_config=train-readme/captions.toml --network_module=networks.lora --debug_dataset --save_state \
  --huggingface_repo_id=your-hf-name/your-model --huggingface_path_in_repo=path --huggingface_repo_type=model \
  --huggingface_repo_visibility=private --huggingface_token=hf_YourAccessTokenHere --save_state_to_huggingface \
  --resume_from_huggingface --resume=your-hf-name/your-model/path/test-000002-state:main:model --async_upload
